/**
 * The way of a message to its clients: the hub, sessions and users, and what publishes. Part of the composition.
 */
import type { Tickets } from '../admission/tickets.ts'
import { isRevoked } from '../auth/revocation.ts'
import { createTokens, type Tokens } from '../auth/tokens.ts'
import { Handovers } from '../cluster/handovers.ts'
import type { Listener } from '../drivers/uws.ts'
import { SluiceError } from '../errors.ts'
import { Hub } from '../hub/hub.ts'
import type { Subscriber } from '../hub/subscriber.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'
import { hubMetrics, publisherMetrics, sessionMetrics, type PublishRefused } from './counters.ts'
import { hubOptions, quotaLimits, sessionOptions } from './options.ts'
import { createSampling, type Sampling } from './sampling.ts'
import type { Stores } from './stores.ts'
import type { NodePace } from './pace.ts'
import { createHooks } from './hooks.ts'
import { NATS_PREFIX } from './nats-prefix.ts'
import type { Switchboard } from './switchboard.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Witness } from '../observe/witness.ts'
import { Presence } from '../presence/presence.ts'
import { ticketText } from '../protocol/ticket.ts'
import { NatsIngress } from '../publish/nats-ingress.ts'
import { Publisher } from '../publish/publisher.ts'
import { readBefore } from '../replay/read-before.ts'
import type { Whisper } from '../session/client-publish.ts'
import { OrderWatch } from '../session/orders.ts'
import type { ChannelHistory } from '../session/ports.ts'
import { UserQuotas } from '../session/quotas.ts'
import { Sessions } from '../session/sessions.ts'
import { countsInInboxes } from '../session/user-limits.ts'
import { Users } from '../session/users.ts'

/** Of what somebody else writes. */
const SUBJECT_SHOWN_MAX = 100
const FOREIGN_REPLY =
  'a publish over NATS wants its answer at a subject of the gateway or of the server: it was refused'

export interface DeliveryPorts {
  readonly stores: Stores
  readonly cluster: Cluster
  readonly switchboard: Switchboard
  readonly tokens: Tokens
  readonly tickets: Tickets
  readonly witness: Witness
  /** Hears how long the log takes, and a connect. */
  readonly pace: NodePace
  /** Its topics are where messages leave for WebSockets. */
  readonly listener: Listener
}

export interface Delivery {
  readonly hub: Hub
  readonly presence: Presence
  readonly publisher: Publisher
  /** Where backends publish over NATS; nothing where all is in memory. */
  readonly ingress: NatsIngress | undefined
  readonly sessions: Sessions
  readonly users: Users
  /** What other nodes are told of clients that were theirs. */
  readonly handovers: Handovers
  /** What was decided about users while this node did not hear. */
  readonly orders: OrderWatch
  readonly sampling: Sampling
}

export function createDelivery(base: Base, ports: DeliveryPorts): Delivery {
  const { config, clock, metrics, failed, policies } = base
  const { stores, cluster } = ports
  const { registry, backbone } = stores
  const hub = new Hub(
    {
      log: stores.log,
      backbone,
      topics: ports.listener,
      clock,
      metrics: hubMetrics(metrics, clock, (channel) => sampling.probes.written(channel)),
      witness: ports.witness,
      // Made below, of the hub.
      liveOn: (channel, exclusionKey): Subscriber | undefined => sessions.liveOn(channel, exclusionKey),
      policyOf: (channel) => policies(channel).hub,
    },
    hubOptions(config),
  )
  const sampling = createSampling(base, () => sessions.count)
  const presence = createPresence(base, ports)
  const payloadBytesMax = (): number => Math.min(config.limits.payload, stores.payloadBytesMax())
  const publisher = createPublisher(base, ports, payloadBytesMax)
  const ingress = createIngress(base, stores, {
    publisher,
    payloadBytesMax,
    // Made below.
    users: (): Users => users,
  })
  const handovers = new Handovers(
    clock,
    backbone,
    () => cluster.membership.others,
    (client) => ports.switchboard.cameBack(client),
  )
  const sessions: Sessions = createSessions(base, ports, {
    handovers,
    hub,
    presence,
    publisher,
    ingress,
    payloadBytesMax,
    left(session) {
      sampling.probes.left(session)
      ports.switchboard.sessionLeft(session)
    },
  })
  registry.watch({ heldElsewhere: (session, elsewhere) => sessions.heldElsewhere(session, elsewhere) })
  const users: Users = createUsers(base, ports, sessions)
  const orders = new OrderWatch({
    registry,
    sessions,
    clock,
    hears: () => backbone.healthy() && !cluster.canary.deaf,
    failed,
  })
  showCounts(metrics, hub, sessions)
  return { hub, presence, publisher, ingress, sessions, users, handovers, orders, sampling }
}

/** What is decided about a user, wherever he is connected. */
function createUsers(
  { config, clock, metrics, policies }: Base,
  { stores: { registry, backbone, log }, cluster }: DeliveryPorts,
  sessions: Sessions,
): Users {
  return new Users({
    registry,
    backbone,
    sessions,
    clock,
    rememberedMs: config.auth.revocationTtl,
    headOf: async (channel) => {
      const { hub, client } = policies(channel)
      return hub.logged && !client.acknowledged ? log.head(channel) : undefined
    },
    someUnheard: () =>
      cluster.meshFaults.finding() !== undefined ||
      cluster.membership.others.some((node) => node.degraded.includes('backbone')),
    revoked: () => metrics.revocations.inc(),
    tookAway: () => metrics.takeovers.inc(),
  })
}

function showCounts(metrics: Metrics, hub: Hub, sessions: Sessions): void {
  metrics.sessions.read(() => sessions.count)
  metrics.channels.read(() => hub.channelCount)
  metrics.feedBytes.read(() => hub.feedBytes)
  metrics.subscriptions.read(() => hub.subscriptionCount)
}

/** A line a second at most for each code: a publisher repeats what was refused. */
function refusedBy({ mistakes }: Base): PublishRefused {
  return (error, about) =>
    mistakes.warn(`a publish was refused (${error.code})`, { ...about, reason: error.message })
}

/** Whose tokens are good. */
export function createTokenCheck({ config, clock, log, mistakes }: Base): Tokens {
  return createTokens(
    {
      ...config.auth,
      allowWeakSecret: true,
      clockToleranceMs: config.auth.clockTolerance,
      jsonDepthMax: config.limits.jsonDepth,
    },
    {
      clock,
      events: {
        keySetFetched: (keys) => log.info({ keys }, 'the key set was fetched'),
        keySetFailed: (reason) => mistakes.warn('the key set could not be fetched', { reason }),
      },
    },
  )
}

function createPresence({ id, clock, failed }: Base, { stores, switchboard }: DeliveryPorts): Presence {
  return new Presence(
    {},
    {
      store: stores.presence,
      nodeId: id,
      clock,
      send: (payload) => stores.backbone.control(undefined, payload),
      tell: (event) => switchboard.presenceTold(event),
      changed: (channel, user, present) => switchboard.memberHeld(channel, user, present),
      liveNodes: async () => (await stores.registry.nodes()).map((node) => node.id),
      failed,
    },
  )
}

function createPublisher(
  base: Base,
  { stores: { log, backbone, registry }, pace, switchboard }: DeliveryPorts,
  payloadBytesMax: () => number,
): Publisher {
  const { config, clock, metrics, policies, tracing } = base
  return new Publisher(
    {
      tracing,
      ...{ log, backbone, registry, clock },
      metrics: publisherMetrics(metrics, clock, {
        appended: (ms) => pace.store.add(ms),
        refused: refusedBy(base),
        published: (delivery, request, done) => switchboard.published(delivery, request, done),
      }),
      policyOf: (channel) => policies(channel).publish,
    },
    payloadBytesMax,
    config.limits.jsonDepth,
  )
}

interface Served {
  readonly publisher: Publisher
  readonly payloadBytesMax: () => number
  readonly users: () => Users
}

function createIngress(
  { config, log, metrics, mistakes, tracing, failed }: Base,
  { nats }: Stores,
  { publisher, payloadBytesMax, users }: Served,
): NatsIngress | undefined {
  if (nats === undefined) return undefined
  return new NatsIngress(
    {
      prefix: NATS_PREFIX,
      forwardTimeoutMs: config.cluster.forwardTimeout,
      jsonDepthMax: config.limits.jsonDepth,
      payloadBytesMax,
    },
    {
      requests: nats,
      tracing,
      publish: (request) => publisher.publish(request),
      async stand(user, wish, on) {
        // Who it was NATS alone knows.
        const audit = on ? 'subscribe' : 'unsubscribe'
        log.info({ audit, door: 'nats', user, channels: wish.channels.join(' ') }, 'audit')
        return { user, ...(await (on ? users().putOn(user, wish) : users().takeOff(user, wish))) }
      },
      refused(reply) {
        metrics.packetRefusals.reply.inc()
        mistakes.warn(FOREIGN_REPLY, { reply: reply.slice(0, SUBJECT_SHOWN_MAX) })
      },
      failed,
    },
  )
}

type ServingSessions = Pick<Delivery, 'hub' | 'presence' | 'publisher' | 'ingress' | 'handovers'> & {
  readonly payloadBytesMax: () => number
  readonly left: (session: string) => void
}

function createSessions(base: Base, ports: DeliveryPorts, serving: ServingSessions): Sessions {
  const { config, clock, policies } = base
  const { stores, tokens, tickets } = ports
  const { hub, presence, publisher, ingress } = serving
  return new Sessions({
    ports: {
      nodeId: base.id,
      hub,
      registry: stores.registry,
      logBehindClaims: stores.logBehindClaims,
      tokens: { verify: (token, nobody) => tokens.check(token, nobody), isRevoked },
      clock,
      wheel: base.wheel,
      metrics: sessionMetrics(base.metrics, {
        clock,
        connected: (ms) => ports.pace.connect.add(ms),
        refused: refusedBy(base),
      }),
      witness: ports.witness,
      policyOf: (channel) => policies(channel).client,
      publish: (user, { channel, payload, id, event, whisper }) =>
        publisher.publish({
          door: 'client',
          target: whisper === undefined ? { channel } : { channel, internal: true },
          payload,
          parsed: true,
          id,
          from: whisper?.as ?? user,
          ...(event === undefined ? {} : { meta: { event, ...excluded(whisper) } }),
        }),
      quotas: new UserQuotas(quotaLimits(config), countsInInboxes(hub)),
      presence,
      presenceRules: { bytesMax: config.limits.presenceData, jsonDepthMax: config.limits.jsonDepth },
      acks: stores.acks,
      hooks: createHooks(base, stores),
      historyOf: (channel) => historyOf(base, stores, channel),
      ticketOf: (userTag) => ticketText(tickets.give(userTag)),
      forward: (user, publish) =>
        ingress?.forward(user, publish) ??
        Promise.reject(new SluiceError('unavailable', 'there is no NATS to forward through')),
      former: serving.handovers,
      limits: () => ({
        frame: config.limits.frame,
        payload: serving.payloadBytesMax(),
        subscriptions: config.limits.subscriptions,
        presenceData: config.limits.presenceData,
      }),
      left: serving.left,
      failed: base.failed,
    },
    options: sessionOptions(config),
  })
}

function excluded(whisper: Whisper | undefined): { readonly exclude?: string } {
  return whisper === undefined ? {} : { exclude: whisper.exclude }
}

/** What clients may read of a channel's log. */
function historyOf({ policies }: Base, { log }: Stores, channel: string): ChannelHistory | undefined {
  const { logged, max } = policies(channel).hub
  if (!logged) return undefined
  return {
    read: (after, limit) => log.read(channel, after, limit),
    last: (limit) => log.last(channel, limit),
    before: (position, limit) => readBefore(log, channel, position, { limit, keptMax: max }),
  }
}
