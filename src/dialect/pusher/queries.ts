/**
 * What backends ask about channels with a library of Pusher: which are occupied, by how many, and by whom.
 */
import type { App } from './apps.ts'
import { attributesIn, type Attribute } from './attributes.ts'
import type { Cache } from './cache.ts'
import { internalNameOf, kindOf, publicNameOf, userOf } from './channel.ts'
import { dataOf } from './publishing.ts'
import { SluiceError } from '../../errors.ts'
import { asBuffer } from '../../protocol/json-data.ts'

/** Of the whole cluster, by internal names. */
export interface QueryPorts {
  /** How many connections are on each of these; one that is not in the answer has none. */
  counts(channels: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** All that are occupied and begin with this. */
  occupied(prefix: string): Promise<ReadonlyMap<string, number>>
  /** The members of a presence channel. Fails with `unavailable`. */
  members(channel: string): Promise<ReadonlyMap<string, unknown>>
  readonly cache: Pick<Cache, 'newest' | 'restMs'>
}

/** `channels` of an app, or those that begin with `filter_by_prefix`. */
export async function listed(app: App, query: URLSearchParams, ports: QueryPorts): Promise<object> {
  const wanted = attributesIn(query.get('info'))
  const prefix = query.get('filter_by_prefix') ?? ''
  if (wanted.has('user_count') && !prefix.startsWith('presence-'))
    throw bad('user_count is known of presence channels only: filter_by_prefix must begin with presence-')
  // A plain beginning is the same inside; any other is looked for among all channels of the app.
  const occupied = await ports.occupied(/^[\w-]*$/.test(prefix) ? `${app.prefix}${prefix}` : app.prefix)
  const names = [...occupied].flatMap(([internal, connections]) => {
    const name = publicNameOf(internal, app.prefix) ?? ''
    return name.startsWith(prefix) && userOf(name) === undefined ? [{ name, internal, connections }] : []
  })
  const channels = await Promise.all(
    names.map(async ({ name, internal, connections }) => [
      name,
      await countsOf({ name, internal, connections }, wanted, ports),
    ]),
  )
  return { channels: Object.fromEntries(channels) as object }
}

export async function described(
  app: App,
  name: string,
  query: URLSearchParams,
  ports: QueryPorts,
): Promise<object> {
  const internal = internalOf(app, name)
  const wanted = attributesIn(query.get('info'))
  if (wanted.has('user_count') && kindOf(name).access !== 'presence')
    throw bad('user_count is known of presence channels only')
  const connections = (await ports.counts([internal])).get(internal) ?? 0
  return {
    occupied: connections > 0,
    ...(await countsOf({ name, internal, connections }, wanted, ports)),
    ...(wanted.has('cache') ? { cache: await cachedOf(name, internal, ports) } : {}),
  }
}

export async function usersOf(app: App, name: string, ports: QueryPorts): Promise<object> {
  if (kindOf(name).access !== 'presence') throw bad('users are known of presence channels only')
  const members = await ports.members(internalOf(app, name))
  return { users: [...members.keys()].map((id) => ({ id })) }
}

/** What a publish is answered that asked for it: of each of its channels. */
export async function countsFor(
  app: App,
  channels: readonly string[],
  wanted: ReadonlySet<Attribute>,
  ports: QueryPorts,
): Promise<ReadonlyMap<string, object>> {
  const counts = await ports.counts(channels)
  const found = channels.map(async (internal): Promise<[string, object]> => {
    const name = publicNameOf(internal, app.prefix) ?? ''
    const connections = counts.get(internal) ?? 0
    return [name, await countsOf({ name, internal, connections }, wanted, ports)]
  })
  return new Map(await Promise.all(found))
}

interface Counted {
  readonly name: string
  readonly internal: string
  readonly connections: number
}

async function countsOf(
  { name, internal, connections }: Counted,
  wanted: ReadonlySet<Attribute>,
  ports: QueryPorts,
): Promise<object> {
  const ofUsers = wanted.has('user_count') && kindOf(name).access === 'presence'
  return {
    ...(ofUsers ? { user_count: (await ports.members(internal)).size } : {}),
    ...(wanted.has('subscription_count') ? { subscription_count: connections } : {}),
  }
}

async function cachedOf(name: string, internal: string, { cache }: QueryPorts): Promise<object | null> {
  if (!kindOf(name).cache) return null
  const { message } = await cache.newest(internal)
  if (message === undefined) return null
  const data = dataOf(asBuffer(message.data).toString('utf8'))
  return { data, ttl: Math.ceil(cache.restMs(message) / 1000) }
}

function internalOf({ prefix }: App, name: string): string {
  const internal = internalNameOf(name, prefix)
  if (internal === undefined) throw bad(`${JSON.stringify(name.slice(0, 40))} is no channel`)
  return internal
}

function bad(message: string): SluiceError {
  return new SluiceError('bad_request', message)
}
