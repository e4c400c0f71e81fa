/**
 * The doors at which a user is held to his quotas, and what he is told there.
 */
import type { Connection } from './connection.ts'
import { beyond } from './finding.ts'
import { standingOf } from './more-permissions.ts'
import type { CountsByUser } from './quotas.ts'
import type { Identity, SessionOptions, SessionPorts } from './ports.ts'
import { Closing, SluiceError } from '../errors.ts'
import type { Hub } from '../hub/hub.ts'
import { inboxOf } from '../protocol/channel.ts'

/** What is counted of a user while he is connected is counted at his inbox: a table would be some 50 bytes more for each. */
export function countsInInboxes(hub: Pick<Hub, 'noted' | 'note'>): CountsByUser {
  return {
    of: (user) => hub.noted(inboxOf(user)),
    add: (user, count) => hub.note(inboxOf(user), count),
    size: 0,
  }
}

interface Limited {
  readonly user: string
  readonly subscriptionCount: number
  readonly identity: Identity
  readonly connection: Pick<Connection, 'channelsMax'>
}

type LimitPorts = Pick<SessionPorts, 'quotas' | 'metrics' | 'hub'>

/**
 * One more connection of a user here, with so many channels. Before anybody else is asked; `quotas.arrived` when it is there,
 * or is not. `replaces`: a session of this node that ends by it.
 */
export function takeConnection(
  { quotas, metrics, hub }: LimitPorts,
  user: string,
  channels: number,
  replaces: boolean,
): void {
  const { connections, subscriptions } = quotas.limits
  if (!quotas.hasRoom(user, channels)) {
    metrics.limitHit('subscriptions_per_user')
    throw notAdmitted(
      `the user is on ${quotas.subscriptions(user)} channels of this node already, and ${channels} more were asked for; limits.subscriptionsPerUser allows ${subscriptions}`,
    )
  }
  // Each connection has the inbox.
  if (quotas.arrive(user, hub.begunCount(inboxOf(user)), replaces)) return
  metrics.limitHit('connections_per_user')
  throw notAdmitted(
    `the user has ${connections} connections to this node already; limits.connectionsPerUser allows no more`,
  )
}

/** Again when the channels are open: others may have been faster. */
export function checkChannels({ quotas, metrics }: LimitPorts, user: string, channels: number): void {
  if (quotas.hasRoom(user, channels)) return
  metrics.limitHit('subscriptions_per_user')
  throw notAdmitted(
    `the user is on ${quotas.subscriptions(user)} channels of this node meanwhile; limits.subscriptionsPerUser allows ${quotas.limits.subscriptions}`,
  )
}

/** One more channel of a session. One that a backend puts it on is held only to what its client can come back with. */
export function checkOneMore(
  { quotas, metrics }: LimitPorts,
  { subscriptionsMax }: Pick<SessionOptions, 'subscriptionsMax'>,
  { user, subscriptionCount, connection, identity }: Limited,
  channel: string,
): void {
  // The inbox is counted with them.
  if (standingOf(identity).has(channel)) {
    const { channelsMax = Infinity } = connection
    if (subscriptionCount > channelsMax) throw beyond(channel, channelsMax)
    return
  }
  if (subscriptionCount > subscriptionsMax) {
    metrics.limitHit('subscriptions')
    throw new SluiceError(
      'limit_exceeded',
      `${subscriptionsMax} channels are subscribed to; limits.subscriptions allows no more`,
    )
  }
  if (quotas.hasRoom(user, 1)) return
  metrics.limitHit('subscriptions_per_user')
  throw new SluiceError(
    'limit_exceeded',
    `the user is on ${quotas.subscriptions(user)} channels of this node, over all connections; limits.subscriptionsPerUser allows no more`,
  )
}

/** `sessions`: as counted with the claim, so that of several that come together none slips through. */
export function checkSessions(
  { metrics }: LimitPorts,
  { sessionsPerUserMax }: Pick<SessionOptions, 'sessionsPerUserMax'>,
  sessions: number,
): void {
  if (sessionsPerUserMax === 0 || sessions <= sessionsPerUserMax) return
  metrics.limitHit('sessions_per_user')
  throw notAdmitted(
    `the user has ${sessionsPerUserMax} sessions already; limits.sessionsPerUser allows no more`,
  )
}

export function takePublish(
  { quotas, metrics, clock }: Pick<SessionPorts, 'quotas' | 'metrics' | 'clock'>,
  user: string,
): void {
  const waitMs = quotas.publish(user, clock.monotonicMs())
  if (waitMs === 0) return
  metrics.limitHit('publishes_per_user_per_second')
  const { publishesPerSecond } = quotas.limits
  throw new SluiceError(
    'rate_limited',
    `the user publishes faster than limits.publishesPerUserPerSecond, which is ${publishesPerSecond}, over all connections to this node; wait ${Math.ceil(waitMs)} ms`,
    { retryAfterMs: waitMs },
  )
}

/** It may come back later: the user's other connections end some time. */
function notAdmitted(message: string): Closing {
  return new Closing('notAdmitted', 'limit_exceeded', message)
}
