/**
 * GET /v1/channels: which channels are occupied in the cluster, page by page, in the order of their names.
 */
import { countOf } from './channels.ts'
import type { ApiRequest, Route } from './route.ts'
import { isGranted } from '../auth/grant.ts'
import { SluiceError } from '../errors.ts'
import { CHANNEL_RULE, isChannel } from '../protocol/channel.ts'
import type { Occupancy } from '../occupancy/occupancy.ts'

export interface ChannelListPorts {
  readonly occupancy: Pick<Occupancy, 'page'>
  /** How many users are in a channel; `undefined`: its namespace does not keep it. Fails with `unavailable`. */
  readonly usersIn: (channel: string) => Promise<number> | undefined
}

const LIMIT_DEFAULT = 100
/** With each page the store is asked for the users of so many channels at most. */
const WITH_USERS_MAX = 100

export function channelListRoute({ occupancy, usersIn }: ChannelListPorts): Route {
  return {
    method: 'GET',
    path: '/v1/channels',
    scope: 'history',
    async handle(request) {
      const { query, caller } = request
      const withUsers = query.get('users') === 'true'
      const limit = countOf(query, 'limit') ?? LIMIT_DEFAULT
      if (withUsers && limit > WITH_USERS_MAX)
        throw new SluiceError('bad_request', `with users=true, limit is at most ${WITH_USERS_MAX}`)
      const { counts, next } = await occupancy.page(named(request, 'prefix'), named(request, 'after'), limit)
      // What others have is passed over, not counted: a page may have fewer than were asked for.
      const seen = [...counts].filter(([channel]) => isGranted(caller.grant, channel))
      const channels = await Promise.all(
        seen.map(async ([channel, connections]) => {
          const users = withUsers ? await usersIn(channel) : undefined
          return { channel, connections, ...(users === undefined ? {} : { users }) }
        }),
      )
      return { status: 200, json: { channels, ...(next === undefined ? {} : { next }) } }
    },
  }
}

/** A name, or the beginning of one. */
function named({ query }: ApiRequest, name: string): string {
  const text = query.get(name) ?? ''
  if (text === '' || isChannel(text)) return text
  throw new SluiceError('bad_request', `${name} is no beginning of a name: ${CHANNEL_RULE}`)
}
