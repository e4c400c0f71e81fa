/**
 * The protocol of Pusher, where the configuration asks for it. Part of the composition.
 */
import { send } from '../cluster/control.ts'
import { Apps } from '../dialect/pusher/apps.ts'
import { Pusher } from '../dialect/pusher/pusher.ts'
import type { PresencePort } from '../dialect/pusher/rosters.ts'
import type { Route } from '../edge/route.ts'
import type { Presence } from '../presence/presence.ts'
import { WebSocketConnection } from '../transport/websocket.ts'
import type { Base } from './base.ts'
import type { Delivery } from './delivery.ts'
import type { Switchboard } from './switchboard.ts'
import type { Stores } from './stores.ts'

export function createPusher(
  { config, clock, policies, failed }: Base,
  {
    stores,
    delivery,
    switchboard,
  }: { readonly stores: Stores; readonly delivery: Delivery; readonly switchboard: Switchboard },
): Pusher | undefined {
  const { pusher } = config.dialects
  if (pusher === undefined) return undefined
  return new Pusher(
    {
      apps: new Apps(pusher.apps, pusher.limits),
      users: { endedAt: (user) => stores.registry.revoked(signOutKey(user)), failed },
      counts: pusher.subscriptionCounts
        ? {
            count: (channels) => switchboard.connectionsOn(channels),
            tellOthers: (counts) =>
              void send(stores.backbone, undefined, { kind: 'subscriptionCounts', counts }),
            clock,
            failed,
          }
        : undefined,
      places: { count: (names) => switchboard.connectionsOn(names), clock, failed },
      reception: delivery.sessions,
      presence: presencePort(delivery.presence),
      clock,
      log: {
        last: (channel, count) =>
          policies(channel).hub.logged ? stores.log.last(channel, count) : undefined,
      },
      missed: (channel, forMs) =>
        switchboard.noted({ kind: 'cache_miss', channel }, { name: `miss:${channel}`, forMs }),
    },
    {
      jsonDepthMax: config.limits.jsonDepth,
      activityTimeoutSeconds: Math.ceil(pusher.activityTimeout / 1000),
      membersMax: pusher.members,
      clientEvents: pusher.clientEvents,
      tokens: pusher.tokens,
      watchlists: pusher.watchlists,
      cacheTtlMs: pusher.cacheTtl,
      path: pusher.path,
    },
  )
}

/** How long it is kept that an app has ended a user's connections: longer than one takes to come in. */
export const SIGN_OUT_MS = 60_000

/** In the registry, where no user of a token can be called so. */
export function signOutKey(user: string): string {
  return `\u0001pusher ${user}`
}

/** Below `/app` there is nothing else: who asks for another path is told so in the words of the protocol. */
export function pusherRoutes(dialect: Pusher | undefined): Route[] {
  if (dialect === undefined) return []
  const paths = dialect.prefixes.flatMap((prefix) =>
    ['/app/:key', '/app/*', '/app'].map((path) => prefix + path),
  )
  return paths.map((path) => ({ path, transport: WebSocketConnection, dialect }))
}

/** The dialect says itself who is a member, as its app has signed it. */
function presencePort(presence: Presence): PresencePort {
  return {
    watch: (channel, by) => presence.entered(channel, WATCHER, by, 'absent'),
    unwatch: (channel, by) => presence.left(channel, WATCHER, by),
    entered: (channel, { id, info }, by) => presence.entered(channel, id, by, { user: id, json: info }),
    left: (channel, { id }, by) => presence.left(channel, id, by),
    members: (channel) => presence.members(channel),
  }
}

/** Is in no channel. */
const WATCHER = ''
