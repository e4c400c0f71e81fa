/**
 * GET /v1/channels: which channels are occupied in the cluster, page by page, in the order of their names.
 */
import * as z from 'zod'
import { LIMIT_MAX } from './channels.ts'
import type { Route } from './route.ts'
import { count, field, maybe, Query } from './takes.ts'
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

export const CHANNELS_QUERY = new Query(() =>
  z.object({
    prefix: named('The beginning of their names.'),
    after: named('The `next` of the page before.'),
    limit: field(
      count(LIMIT_MAX).prefault(LIMIT_DEFAULT),
      `is a number from 1 to ${LIMIT_MAX}`,
      'At most so many.',
    ),
    users: field(
      z.preprocess((text) => text === 'true', z.boolean()).prefault(false),
      'is true or false',
      `With how many users are in each. At most ${WITH_USERS_MAX} channels then.`,
    ),
  }),
)

/** A name, or the beginning of one. */
function named(description: string) {
  return maybe(
    z.string().refine((text) => text === '' || isChannel(text)),
    `is no beginning of a name: ${CHANNEL_RULE}`,
    description,
  )
}

export function channelListRoute({ occupancy, usersIn }: ChannelListPorts): Route {
  return {
    method: 'GET',
    path: '/v1/channels',
    scope: 'history',
    async handle(request) {
      const { caller } = request
      const { prefix = '', after = '', limit, users: withUsers } = CHANNELS_QUERY.read(request)
      if (withUsers && limit > WITH_USERS_MAX)
        throw new SluiceError('bad_request', `with users=true, limit is at most ${WITH_USERS_MAX}`)
      const { counts, next } = await occupancy.page(prefix, after, limit)
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
