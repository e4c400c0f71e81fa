/**
 * What Sentinels, and all servers behind them or of a Redis Cluster, say of themselves: for whoever looks at a deployment.
 * Each is asked on a connection of its own, and none that is silent holds up the others for long.
 */
import { Redis } from 'ioredis'
import { openServer, sentinelOptions, untilReady, type RedisAccess } from './redis-clients.ts'
import { redisTarget, type Access, type Address, type RedisTarget } from './redis-url.ts'
import { fieldsOf } from './sentinels.ts'
import { systemClock } from '../clock.ts'

export interface SurveyedServer {
  /** Where it was asked. */
  readonly at: string
  /** Why it does not answer. */
  readonly trouble: string | undefined
  readonly primary: boolean
  /** In a cluster: the id of the server that it follows. */
  readonly follows: string | undefined
  readonly id: string | undefined
  /** As it says them; what it does not tell is not there. */
  readonly settings: ReadonlyMap<string, string>
  /** Its clock beside that of this machine. */
  readonly aheadMs: number | undefined
}

export interface SurveyedSentinel {
  readonly at: string
  /** Why it does not answer, or not about this master. */
  readonly trouble: string | undefined
  /** The server that it takes for the primary. */
  readonly names: string | undefined
  /** How many Sentinels it knows of, itself included. */
  readonly sentinels: number
  readonly replicas: number
  /** So many have to take the primary for dead before it is replaced. */
  readonly quorum: number
  readonly downAfterMs: number
}

export type Survey =
  | { readonly kind: 'server' }
  | {
      readonly kind: 'sentinel'
      readonly master: string
      readonly sentinels: readonly SurveyedSentinel[]
      readonly servers: readonly SurveyedServer[]
    }
  | { readonly kind: 'cluster'; readonly isWhole: boolean; readonly servers: readonly SurveyedServer[] }

const ANSWER_MS = 2_000
/** More than anybody has; a table that somebody else has written is no reason to connect everywhere. */
const SERVERS_MAX = 128
const SETTINGS = [
  ...['maxmemory-policy', 'maxmemory', 'maxclients', 'min-replicas-to-write', 'min-replicas-max-lag'],
  ...['cluster-require-full-coverage', 'cluster-node-timeout', 'cluster-allow-reads-when-down'],
  ...['appendonly', 'appendfsync'],
]

type SentinelTarget = Extract<RedisTarget, { readonly kind: 'sentinel' }>
type ClusterTarget = Extract<RedisTarget, { readonly kind: 'cluster' }>

/** `urls`: as in the configuration. Never fails for what a server says or does not. */
export function surveyRedis(urls: readonly string[], access: RedisAccess): Promise<Survey> {
  const target = redisTarget(urls)
  if (target.kind === 'sentinel') return surveySentinels(target, access)
  return target.kind === 'cluster' ? surveyCluster(target, access) : Promise.resolve({ kind: 'server' })
}

async function surveySentinels(target: SentinelTarget, access: RedisAccess): Promise<Survey> {
  const { master } = target
  const known = new Map<string, Address>()
  const sentinels = await Promise.all(
    target.sentinels.map(async (address): Promise<SurveyedSentinel> => {
      const client = new Redis({ ...sentinelOptions(access), ...address, enableReadyCheck: false })
      const seen = await visit(client, async () => {
        const about = fieldsOf(await client.call('SENTINEL', 'MASTER', master))
        const replicas = await client.call('SENTINEL', 'REPLICAS', master)
        const fields = [about, ...(Array.isArray(replicas) ? replicas.map(fieldsOf) : [])]
        for (const one of fields) {
          const found = { host: one.get('ip') ?? '', port: Number(one.get('port')) }
          if (known.size < SERVERS_MAX) known.set(nameOf(found), found)
        }
        return about
      })
      const about = typeof seen === 'string' ? new Map<string, string>() : seen
      const count = (name: string): number => Number(about.get(name) ?? 0)
      return {
        at: nameOf(address),
        trouble: typeof seen === 'string' ? seen : undefined,
        names: about.has('ip') ? `${about.get('ip')}:${about.get('port')}` : undefined,
        sentinels: count('num-other-sentinels') + 1,
        replicas: count('num-slaves'),
        quorum: count('quorum'),
        downAfterMs: count('down-after-milliseconds'),
      }
    }),
  )
  const servers = await Promise.all([...known.values()].map((address) => survey(target, address, access)))
  return { kind: 'sentinel', master, sentinels, servers }
}

async function surveyCluster(target: ClusterTarget, access: RedisAccess): Promise<Survey> {
  const tables = await Promise.all(
    target.nodes.map((address) => {
      const client = openServer({ ...target, ...address }, access, ANSWER_MS)
      return visit(client, async () => [
        textOf(await client.call('CLUSTER', 'INFO')),
        textOf(await client.call('CLUSTER', 'NODES')),
      ])
    }),
  )
  const told = tables.find((table) => typeof table !== 'string')
  if (told === undefined) {
    const servers = target.nodes.map((address, i) => silent(address, String(tables[i])))
    return { kind: 'cluster', isWhole: false, servers }
  }
  const [info = '', nodes = ''] = told as readonly string[]
  const rows = nodes.split('\n').filter((line) => line !== '' && !line.includes('noaddr'))
  const servers = await Promise.all(
    rows.slice(0, SERVERS_MAX).map(async (row) => {
      // <id> <host:port@bus,…> <flags> <id of the master, or -> …
      const [id, where = '', flags = '', follows] = row.split(' ')
      const [, host = '', port] = /^(.*):(\d+)@/.exec(where) ?? []
      const address = { host, port: Number(port) }
      const seen = await survey(target, address, access)
      return {
        ...seen,
        id,
        primary: flags.includes('master'),
        follows: follows === '-' ? undefined : follows,
      }
    }),
  )
  return { kind: 'cluster', isWhole: info.includes('cluster_state:ok'), servers }
}

async function survey(target: Access, address: Address, access: RedisAccess): Promise<SurveyedServer> {
  const client = openServer({ ...target, ...address }, access, ANSWER_MS)
  const seen = await visit(client, async () => {
    const settings = new Map<string, string>()
    for (const name of SETTINGS) {
      // Not everybody may ask.
      const answer = await client.call('CONFIG', 'GET', name).catch(() => undefined)
      for (const [setting, value] of fieldsOf(answer)) settings.set(setting, value)
    }
    const role = await client.call('ROLE').catch(() => undefined)
    const beforeMs = systemClock.now()
    const time = await client.call('TIME').catch(() => undefined)
    const hereMs = (beforeMs + systemClock.now()) / 2
    const [seconds, micros] = Array.isArray(time) ? time.map(Number) : []
    const aheadMs =
      seconds === undefined || micros === undefined ? undefined : seconds * 1000 + micros / 1000 - hereMs
    return { settings, aheadMs, primary: Array.isArray(role) && String(role[0]) === 'master' }
  })
  if (typeof seen === 'string') return silent(address, seen)
  return { at: nameOf(address), trouble: undefined, follows: undefined, id: undefined, ...seen }
}

function silent(address: Address, trouble: string): SurveyedServer {
  return {
    ...{ at: nameOf(address), trouble, primary: false, follows: undefined, id: undefined },
    ...{ settings: new Map(), aheadMs: undefined },
  }
}

/** What it says; or why it says nothing, in a sentence. */
async function visit<T extends object>(client: Redis, ask: () => Promise<T>): Promise<T | string> {
  let trouble: string | undefined
  client.on('error', (error: Error) => (trouble = error.message))
  try {
    await untilReady(client, ANSWER_MS)
    return await ask()
  } catch (error) {
    return trouble ?? (error as Error).message
  } finally {
    client.disconnect()
  }
}

function nameOf({ host, port }: Address): string {
  return `${host}:${port}`
}

function textOf(answer: unknown): string {
  return typeof answer === 'string' ? answer : ''
}
