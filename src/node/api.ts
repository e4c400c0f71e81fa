/**
 * What the second listener answers: backends, operators, probes and other nodes. Part of the composition.
 */
import { Api } from '../api/api.ts'
import { Audit } from '../api/audit.ts'
import { centrifugeRoutes } from '../api/centrifuge.ts'
import { channelListRoute } from '../api/channel-list.ts'
import { channelTailRoute } from '../api/channel-tail.ts'
import { channelRoutes } from '../api/channels.ts'
import { consoleRoutes } from '../api/console.ts'
import { devTokenRoute } from '../api/dev.ts'
import { drainRoutes } from '../api/drain.ts'
import { jobRoutes, viewed } from '../api/drains.ts'
import { logLevelRoutes } from '../api/log-level.ts'
import { nodeRoutes } from '../api/node-routes.ts'
import { orderRoutes } from '../api/orders.ts'
import { pusherRoutes } from '../api/pusher.ts'
import { OtherNodes } from '../api/other-nodes.ts'
import { publishRoute } from '../api/publish.ts'
import type { Route } from '../api/route.ts'
import { traceRoute } from '../api/trace.ts'
import { userRoutes } from '../api/users.ts'
import { Watch, watchRoute } from '../api/watch.ts'
import { webhookRoutes } from '../api/webhooks.ts'
import { Letters } from '../webhooks/letters.ts'
import { ApiKeys, parseApiKeys } from '../auth/api-keys.ts'
import { ServerApi } from '../dialect/centrifuge/server-api.ts'
import type { PublishRequest } from '../publish/publisher.ts'
import { send } from '../cluster/control.ts'
import type { Pusher } from '../dialect/pusher/pusher.ts'
import { PusherServerApi } from '../dialect/pusher/server-api.ts'
import { loadConsole } from '../console/load-console.ts'
import { listed } from '../drain/job-view.ts'
import { isOver } from '../drain/job.ts'
import type { Listener } from '../drivers/uws.ts'
import { knownChannels } from './policies.ts'
import { usersIn } from '../presence/info.ts'
import { SIGN_OUT_MS, signOutKey } from './pusher.ts'
import { ClientAddress } from '../edge/origin.ts'
import { localHostsOf, nodesTls } from './address.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'
import type { Delivery } from './delivery.ts'
import { mintDevToken } from './edge.ts'
import type { Moving } from './moving.ts'
import type { Sight } from './sight.ts'
import type { Stores } from './stores.ts'
import type { Trust } from './trust.ts'
import type { Occupancy } from '../occupancy/occupancy.ts'
import type { NodeInfo } from '../registry/registry.ts'

export interface ApiParts {
  readonly stores: Stores
  readonly trust: Trust | undefined
  readonly cluster: Cluster
  readonly delivery: Delivery
  readonly moving: Moving
  readonly sight: Sight
  readonly occupancy: Occupancy
  readonly pusher: Pusher | undefined
  /** All clients have gone, as an operator has asked: the node ends. */
  readonly emptied: () => void
}

/** Answers on the listener from now on. */
export function attachApi(base: Base, parts: ApiParts, listener: Listener): Api {
  const { config, id, clock, log, mistakes, metrics, caught, health } = base
  const addresses = new ClientAddress(config.trustedProxies, false)
  const api = new Api(routesOf(base, parts), {
    nodeId: id,
    keys: new ApiKeys(parseApiKeys(config.api.keys, { allowWeak: true })),
    requests: parts.trust?.requests,
    clock,
    log,
    mistakes,
    metrics,
    caught,
    localHosts: localHostsOf(config),
    addressOf: (head) => addresses.of(head),
    leaving: () => health.state === 'draining' || health.state === 'closing',
  })
  api.attach(listener, { bodyBytesMax: config.limits.requestBody, jsonDepthMax: config.limits.jsonDepth })
  return api
}

function routesOf(base: Base, parts: ApiParts): Route[] {
  const { config, clock, log, health, metrics, policies } = base
  const { stores, cluster, delivery, moving } = parts
  const { membership, orders } = cluster
  const otherNodes = new OtherNodes({ clock, requests: parts.trust?.requests, tls: nodesTls(config) })
  const nodes = async (): Promise<readonly NodeInfo[]> => (await membership.table()).nodes
  const { presence } = delivery
  return [
    ...(config.node.role === 'edge' ? [] : [publishRoute(delivery.publisher, config.limits.publishBatch)]),
    ...channelRoutes({
      hub: delivery.hub,
      logOf: (channel) => (policies(channel).hub.logged ? stores.log : undefined),
      others: () => membership.refresh(),
      otherNodes,
      members: (channel) =>
        policies(channel).client.presence ? presence.members(channel).then(usersIn) : undefined,
    }),
    channelListRoute({
      occupancy: parts.occupancy,
      usersIn: (channel) =>
        policies(channel).client.presence
          ? presence.members(channel).then((members) => usersIn(members).size)
          : undefined,
    }),
    channelTailRoute(delivery.hub),
    ...userRoutes(delivery.users, stores.grants),
    traceRoute({ nodeId: base.id, traces: parts.sight.traces }),
    ...orderRoutes({ orders, nodes }),
    ...logLevelRoutes({ nodeId: base.id, nodes, otherNodes, log, clock }),
    ...nodeRoutes({ table: () => membership.table(), health, metrics }),
    ...jobRoutes({
      book: moving.jobs.book,
      delays: moving.jobs.delays,
      nodes,
      plan: config.drain.plan,
      target: () => moving.jobs.target(),
      cordon: (what, by) => orders.cordon(what, by),
      log,
    }),
    ...drainRoutes({ nodeId: base.id, drain: moving.draining, nodes, otherNodes, emptied: parts.emptied }),
    ...(config.dialects.centrifuge?.serverApi === true
      ? centrifugeRoutes(centrifugeApi(base, parts), new Audit(base))
      : []),
    watchRoute(watchOf(base, parts, nodes)),
    ...webhookRoutes(new Letters(stores.webhooks)),
    ...consoleRoutes(loadConsole()),
    ...pusherApi(base, parts),
    ...(config.devTokens ? [devTokenRoute((wanted) => mintDevToken(base, wanted))] : []),
  ]
}

/** A node of the role `edge` takes no publishes of backends. */
function pusherApi(
  { config, clock, mistakes }: Base,
  { stores, delivery, occupancy, pusher }: ApiParts,
): Route[] {
  if (pusher === undefined || config.node.role === 'edge') return []
  const { publisher, presence } = delivery
  const ports = {
    publish: async (request: PublishRequest) => publisher.publish(request),
    refused: (app: string, why: string) =>
      mistakes.warn('a request of a backend that speaks as Pusher was refused', { app, why }),
    async signOut(user: string) {
      // First where those look who are about to sign in, and then to those who have.
      const kept = stores.registry.revoke(signOutKey(user), clock.now(), SIGN_OUT_MS)
      send(stores.backbone, undefined, { kind: 'signOut', user })
      await kept
    },
    counts: (channels: readonly string[]) => occupancy.count(channels),
    occupied: (prefix: string) => occupancy.all(prefix),
    members: (channel: string) => presence.members(channel),
    cache: pusher.cache,
    now: () => clock.now(),
  }
  const { data: dataBytesMax = 0, path = '' } = config.dialects.pusher ?? {}
  const limits = { dataBytesMax, jsonDepthMax: config.limits.jsonDepth }
  return pusherRoutes(new PusherServerApi(pusher.apps, ports, limits), path)
}

function centrifugeApi(
  { config, clock, policies }: Base,
  { stores, cluster, delivery, occupancy }: ApiParts,
): ServerApi {
  const { presence, publisher, users } = delivery
  return new ServerApi(
    {
      publish: (request) => publisher.publish(request),
      logOf: (channel) => (policies(channel).hub.logged ? stores.log : undefined),
      members: (channel) => (policies(channel).client.presence ? presence.members(channel) : undefined),
      async forget(channel) {
        await stores.log.remove(channel)
        send(stores.backbone, undefined, { kind: 'forget', channel })
      },
      disconnect: (user, as) => users.disconnectEverywhere(user, as),
      order: (user, which, order) => users.orderSome(user, which, order),
      putOn: (user, wish, terms) => users.putOn(user, wish, terms),
      takeOff: (user, wish) => users.takeOff(user, wish),
      keepsPresence: (channel) => policies(channel).client.presence,
      occupied: (prefix) => occupancy.all(prefix),
      nodes: async () => (await cluster.membership.table()).nodes,
    },
    {
      batchMax: config.limits.publishBatch,
      knows: knownChannels(config),
      infoBytesMax: config.limits.presenceData,
      now: () => clock.now(),
    },
  )
}

/** What the console shows of the cluster, from what the node knows and what stands in the registry. */
function watchOf(
  { id, version, clock, failed }: Base,
  { cluster, moving }: ApiParts,
  nodes: () => Promise<readonly NodeInfo[]>,
): Watch {
  const { membership, orders } = cluster
  const { book, delays, target } = moving.jobs
  return new Watch({
    ...{ nodeId: id, version, clock, failed, target },
    table: () => membership.table(),
    orders: () => orders.orders,
    running: async () => {
      const jobs = [...(await book.running()).values()]
      return Promise.all(jobs.map((job) => viewed({ book, delays, nodes }, job)))
    },
    ended: async () => (await book.all()).filter(isOver).map(listed),
  })
}
