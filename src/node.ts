/**
 * A gateway node: the composition root. Only this file knows which implementation of a part runs; it starts the parts
 * in order and closes them in the reverse order.
 */
import { randomBytes } from 'node:crypto'
import { Api } from './api/api.ts'
import { channelRoutes } from './api/channels.ts'
import { devTokenRoute, type WantedToken } from './api/dev.ts'
import { drainRoutes } from './api/drain.ts'
import { jobRoutes } from './api/drains.ts'
import { nodeRoutes } from './api/node-routes.ts'
import { orderRoutes } from './api/orders.ts'
import { OtherNodes } from './api/other-nodes.ts'
import { publishRoute } from './api/publish.ts'
import { userRoutes } from './api/users.ts'
import { Admission } from './admission/admission.ts'
import { LoadProbe } from './admission/load.ts'
import { Tickets } from './admission/tickets.ts'
import { ApiKeys, parseApiKeys } from './auth/api-keys.ts'
import { isRevoked } from './auth/revocation.ts'
import { createTokens, mintToken } from './auth/tokens.ts'
import { systemClock, walled, type Clock } from './clock.ts'
import { Canary } from './cluster/canary.ts'
import { controlBytes, hear, tell } from './cluster/control.ts'
import { FormerNodes } from './cluster/former-nodes.ts'
import { graceMsOf, Isolation } from './cluster/isolation.ts'
import { Inquiry } from './cluster/inquiry.ts'
import { DeployGeneration } from './cluster/deploy-generation.ts'
import { Membership } from './cluster/membership.ts'
import { NodeRequests } from './cluster/node-request.ts'
import { NodeTokens } from './cluster/node-token.ts'
import { OrderBook } from './cluster/order-book.ts'
import { Strangers } from './cluster/strangers.ts'
import { turnsAway } from './cluster/steering.ts'
import { refuse } from './config/load.ts'
import type { Config } from './config/schema.ts'
import { serveDev } from './console/dev-routes.ts'
import { loadPage } from './console/load-page.ts'
import { Listener } from './drivers/uws.ts'
import { loadUws } from './drivers/uws-binary.ts'
import { Gateway } from './edge/gateway.ts'
import { ClientAddress } from './edge/origin.ts'
import { Closing, SluiceError, type About } from './errors.ts'
import { Hub } from './hub/hub.ts'
import { policiesByChannel } from './node-policies.ts'
import { Rates } from './node-rates.ts'
import { addressOf, localHostsOf, nodesTls, shownHost } from './node-address.ts'
import { Certificates } from './node-certificates.ts'
import { faultsOf } from './node-checks.ts'
import { NodeDoor } from './node-door.ts'
import { NodeDrain } from './node-drain.ts'
import { endInTurn, endOver, type Ending } from './node-ending.ts'
import { createJobs } from './node-jobs.ts'
import { watchParts } from './node-health.ts'
import {
  closeMomentMs,
  drainOptions,
  edgeOptions,
  endMs,
  goneMs,
  hubOptions,
  quotaLimits,
  sessionOptions,
  ticketTtlMs,
  weaknesses,
} from './node-options.ts'
import { FAILED_MS, NodePace } from './node-pace.ts'
import { createParts, NATS_PREFIX } from './node-parts.ts'
import { packageVersion } from './package-version.ts'
import { edgeMetrics, hubMetrics, publisherMetrics, sessionMetrics } from './node-metrics.ts'
import { Faults, type FaultPlace } from './observe/faults.ts'
import { Health, HEALTH_DEFAULTS } from './observe/health.ts'
import { createLog, type LogRoot } from './observe/log.ts'
import { createMetrics } from './observe/metrics.ts'
import { Mistakes } from './observe/mistakes.ts'
import { Outages } from './observe/outages.ts'
import { Presence } from './presence/presence.ts'
import { ticketText } from './protocol/ticket.ts'
import { Publisher } from './publish/publisher.ts'
import { NatsDoors } from './publish/nats-doors.ts'
import type { NodeInfo } from './registry/registry.ts'
import { Seal } from './seal.ts'
import { OrderWatch } from './session/orders.ts'
import { UserQuotas } from './session/quotas.ts'
import { Sessions } from './session/sessions.ts'
import { Users } from './session/users.ts'
import { Wheel } from './wheel.ts'

/** Deadlines of sessions and connections are met to this precision. */
const WHEEL_TICK_MS = 100
/** Close frames and last events leave within this time before the sockets are cut. */
const FAREWELL_MS = 250
const LATE_ENDING =
  'parts of the node did not end in time, and were left behind: what they had to write may be lost'
const LATE_NOTICE =
  'clients that vanish without a word are noticed when the kernel gives up on them, which may be after 15 minutes; docs/wire.md says what to do'
/** An outage of which nobody tells is over when so many heartbeats have gone well. */
const QUIET_HEARTBEATS = 3
/** Of a token that a node for development hands out and nobody said how long it is good: clients ask for a fresh one. */
const DEV_TOKEN_TTL_S = 600
/** Of what somebody else writes. */
const SUBJECT_SHOWN_MAX = 100
const FOREIGN_PACKET =
  'something came over NATS that no node of this cluster has sent, or not now: it was refused'
const FOREIGN_REPLY =
  'a publish over NATS wants its answer at a subject of the gateway or of the server: it was refused'
/** Links to the other nodes are open within this time, where any can be opened. */
const SILENCE_MS = 5000
/** So many words that a node does not hear are no accident. */
const CANARIES_MISSED_MAX = 3

export interface Node {
  readonly id: string
  /** The public listener, once started: `http://host:port`. */
  readonly url: string
  readonly apiUrl: string
  readonly log: LogRoot
  /** Counts and logs a fault that was met outside of the node's own walls. */
  readonly caught: (place: FaultPlace, error: unknown, about?: About) => void
  /** Fails where an address is taken. */
  start(): Promise<void>
  /** Resolves when the node has stopped, for whatever reason. */
  readonly end: Promise<void>
  /**
   * Moves every client to another node, then stops, all of it by `drain.deadline`. Resolves when it has, or when somebody has
   * cancelled it and it stays.
   */
  drain(): Promise<void>
  /** Shows what the files of the certificates hold now to whoever connects from now on; by itself it looks every 10 s. */
  renewCertificates(): Promise<void>
  /** A drain that is under way sends everybody now, whatever the others take; without one nothing happens. */
  hurry(): void
  /** The nodes that were started with this one stop too: where nobody else is left, `drain` does not wait for anybody. */
  leaveWithOthers(): void
  /** Closes every client, spread over a moment, then stops within a few seconds, whatever hangs. Idempotent. */
  close(): Promise<void>
}

/** Fails with `ConfigError` where the configuration cannot be used. */
export async function createNode(config: Config, time: Clock = systemClock): Promise<Node> {
  refuse(faultsOf(config))
  const id = randomBytes(8).toString('hex')
  const { version = packageVersion(), region, role } = config.node
  const log = createLog({ level: config.log.level, pretty: config.log.pretty, bindings: { node: id } })
  const metrics = createMetrics({ node: { node: id, version, region, role }, process: true })
  const faults = new Faults(log, time, metrics.faults)
  const { caught } = faults
  const clock = walled(time, caught)
  const load = new LoadProbe(clock)
  const health = new Health(HEALTH_DEFAULTS, { clock, log, lagMs: () => load.lagMs })
  const mistakes = new Mistakes(log, clock)
  const wheel = new Wheel(clock, WHEEL_TICK_MS, caught)
  const outages = new Outages(log, clock, QUIET_HEARTBEATS * config.cluster.heartbeat, (what, error) =>
    caught('task', error, { what }),
  )
  const failed = (what: string, error: unknown): void => outages.failed(what, error)

  const policies = policiesByChannel(config)

  const apiListener = new Listener({
    host: config.api.host,
    port: config.api.port,
    shared: false,
    setBy: 'api.host and api.port',
    goneMs: goneMs(config),
    caught,
    ...(config.api.tls === undefined ? {} : { tls: config.api.tls }),
  })
  const secret = config.node.clusterSecret
  const nodeTokens = secret === undefined ? undefined : new NodeTokens(secret, id)
  const nodeRequests =
    secret === undefined || nodeTokens === undefined ? undefined : new NodeRequests(secret, id, nodeTokens)
  const proofs = secret === undefined ? undefined : new Seal(secret, 'node proof')
  const hearControl = (fromNode: string, payload: Uint8Array): void => {
    if (presence.heard(fromNode, payload)) return
    hear(payload, {
      disconnect: (user, claim) => users.disconnect(user, claim),
      revoke: (user, beforeMs) => users.revoke(user, beforeMs),
      // A client that was asked to move closes its old connection itself, once the new one serves.
      takenOver(taken) {
        const { session, detachedForMs: gapMs, recovered } = taken
        users.takenOver(taken, () => draining.confirm(session, { gapMs, recovered }))
      },
      givenUp: (session) => users.givenUp(session),
      cameBack: (client, recovered) => draining.confirm(client, { gapMs: undefined, recovered }),
      replayed: (client, messages) => draining.replayed(client, messages),
      howAreYou(number) {
        if (fromNode === id) return
        const { state, degraded: parts } = info()
        const isOpen = door?.isOpen ?? false
        tell(backbone, fromNode, { kind: 'iAm', number, state, role, degraded: parts, door: isOpen })
      },
      iAm: (number, said) => inquiry.heard(fromNode, number, said),
      jobChanged: () => jobs.runner.heard(),
      canary: (word) => canary.heard(word),
    })
  }
  const parts = createParts(config, {
    nodeId: id,
    clock,
    log,
    metrics,
    apiListener,
    nodeTokens,
    nodeRequests,
    sink: {
      message(message) {
        metrics.backboneMessages.in.inc()
        try {
          hub.receive(message)
        } catch (error) {
          caught('backbone', error)
        }
      },
      control(fromNode, payload) {
        metrics.backboneMessages.in.inc()
        try {
          hearControl(fromNode, payload)
        } catch (error) {
          caught('backbone', error)
        }
      },
      connected() {
        canary.send()
        hub.backboneReturned()
        // What other nodes said meanwhile of sessions may be lost.
        registry.recheck()
        orders.returned()
        void membership.update()
      },
      disconnected: () => void membership.update(),
    },
    packetRefused(why, subject, from) {
      // Who sent it is known only where it was sealed with the secret.
      const known = why === 'clock' || why === 'replayed'
      mistakes.warn(`${FOREIGN_PACKET} (${why})`, { subject, ...(known ? { from } : {}) })
      if (why === 'clock' && from !== undefined) strangers.clockDiffers(from)
    },
    // Links matter most where the registry is away as well: then those who were there last are asked.
    peers: () => membership.refresh().catch(() => membership.others),
    linkRefused: (direction, node, why) => strangers.refused(direction, node, why),
    registryTook: (ms) => pace.store.add(ms ?? FAILED_MS),
    storesReturned() {
      hub.backboneReturned()
      presence.storeReturned()
      orders.returned()
    },
    logReturned: () => hub.backboneReturned(),
    outages,
    mistakes,
    caught,
  })
  const { log: replayLog, registry, backbone } = parts

  const listener = new Listener({
    host: config.host,
    port: config.port,
    shared: config.sharePort,
    setBy: 'host and port',
    proxyProtocol: config.proxyProtocol,
    goneMs: goneMs(config),
    caught,
    ...(config.tls === undefined ? {} : { tls: config.tls }),
  })
  const certificates = new Certificates(
    config,
    { public: listener, api: apiListener },
    { clock, log, metrics },
  )
  const hub = new Hub(
    {
      log: replayLog,
      backbone,
      topics: listener,
      clock,
      metrics: hubMetrics(metrics, clock),
      policyOf: (channel) => policies(channel).hub,
    },
    hubOptions(config),
  )
  const presence = new Presence(
    {},
    {
      store: parts.presence,
      nodeId: id,
      clock,
      send: (payload) => backbone.control(undefined, payload),
      tell: (channel, frame) => hub.tell(channel, frame),
      liveNodes: async () => (await registry.nodes()).map((node) => node.id),
      failed,
    },
  )
  const payloadBytesMax = (): number => Math.min(config.limits.payload, parts.payloadBytesMax())
  const publisher = new Publisher(
    {
      log: replayLog,
      backbone,
      registry,
      clock,
      metrics: publisherMetrics(metrics, (ms) => pace.store.add(ms)),
      policyOf: (channel) => policies(channel).publish,
    },
    payloadBytesMax,
    config.limits.jsonDepth,
  )
  const doors =
    parts.nats === undefined
      ? undefined
      : new NatsDoors(
          {
            prefix: NATS_PREFIX,
            forwardTimeoutMs: config.cluster.forwardTimeout,
            jsonDepthMax: config.limits.jsonDepth,
            payloadBytesMax,
          },
          {
            requests: parts.nats,
            publish: (request) => publisher.publish(request),
            refused(reply) {
              metrics.packetRefusals.reply.inc()
              mistakes.warn(FOREIGN_REPLY, { reply: reply.slice(0, SUBJECT_SHOWN_MAX) })
            },
            failed,
          },
        )
  const tokens = createTokens(
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
  // A node that is alone knows only its own tickets.
  const tickets = new Tickets(secret ?? randomBytes(32).toString('hex'), ticketTtlMs(config), clock)
  const sessions = new Sessions({
    ports: {
      nodeId: id,
      hub,
      registry,
      tokens: { verify: (token) => tokens.verify(token), isRevoked },
      clock,
      wheel,
      metrics: sessionMetrics(metrics, (ms) => pace.connect.add(ms)),
      policyOf: (channel) => policies(channel).client,
      publish: (user, channel, payload, messageId) =>
        publisher.publish({
          door: 'client',
          target: { channel },
          payload,
          parsed: true,
          id: messageId,
          from: user,
        }),
      quotas: new UserQuotas(quotaLimits(config)),
      presence,
      acks: parts.acks,
      ticketOf: (userTag) => ticketText(tickets.give(userTag)),
      forward: (user, channel, payload, messageId) =>
        doors?.forward(user, channel, payload, messageId) ??
        Promise.reject(new SluiceError('unavailable', 'there is no NATS to forward through')),
      former: new FormerNodes(
        backbone,
        () => membership.others,
        (client) => draining.cameBack(client),
      ),
      limits: () => ({
        frame: config.limits.frame,
        payload: payloadBytesMax(),
        subscriptions: config.limits.subscriptions,
      }),
      left: (session) => draining.left(session),
      failed,
    },
    options: sessionOptions(config),
  })
  registry.watch({ heldElsewhere: (session, forMs) => sessions.heldElsewhere(session, forMs) })
  const mint = (wanted: WantedToken): Promise<string> =>
    mintToken({ ttlSeconds: DEV_TOKEN_TTL_S, secret: config.auth.jwtSecret ?? '', ...wanted }, clock)
  const page = config.dev ? loadPage() : undefined
  const admission = new Admission(
    { ...config.admission, ...config.limits },
    { clock, load, metrics, tickets },
  )
  const pace = new NodePace(config.admission, {
    clock,
    load,
    gate: admission.gate,
    deaf: () => canary.deaf,
  })
  const gateway = new Gateway(
    {
      sessions,
      hub,
      admission,
      tickets,
      clock,
      wheel,
      metrics: edgeMetrics(metrics),
      turnsAway: (turns, served) =>
        turnsAway(turns, served, {
          self: info(),
          others: membership.others,
          target: deployOrders.orders.target,
          leaving: jobs.runner.leaving,
        }),
      departureOf: (session) => draining.departureOf(session),
      mistake: (kind, fields) => mistakes.warn(kind, fields),
      failed,
      caught,
    },
    edgeOptions(config),
    config.dev
      ? (exchange) =>
          serveDev(
            {
              page,
              mint: config.devTokens ? (sub) => mint({ sub, subscribe: ['*'], publish: ['*'] }) : undefined,
            },
            exchange,
          )
      : () => false,
  )
  gateway.attach(listener)

  const users = new Users({
    registry,
    backbone,
    sessions,
    clock,
    rememberedMs: config.auth.revocationTtl,
    someUnheard: () =>
      strangers.finding() !== undefined ||
      membership.others.some((node) => node.degraded.includes('backbone')),
    revoked: () => metrics.revocations.inc(),
    tookAway: () => metrics.takeovers.inc(),
  })
  // Whoever watches still reads how it went.
  const emptied = (): void => void clock.after(config.drain.linger, () => void close())
  const otherNodes = new OtherNodes({ clock, requests: nodeRequests, tls: nodesTls(config) })
  const routes = [
    ...(role === 'edge' ? [] : [publishRoute(publisher, config.limits.publishBatch)]),
    ...channelRoutes({
      hub,
      logOf: (channel) => (policies(channel).hub.logged ? replayLog : undefined),
      others: () => membership.refresh(),
      otherNodes,
      members: (channel) => (policies(channel).client.presence ? presence.members(channel) : undefined),
    }),
    ...userRoutes(users),
    ...orderRoutes({ orders: () => deployOrders, nodes: async () => (await membership.table()).nodes }),
    ...nodeRoutes({ table: () => membership.table(), health, metrics }),
    ...jobRoutes({
      book: () => jobs.book,
      delays: () => jobs.delays,
      nodes: async () => (await membership.table()).nodes,
      plan: config.drain.plan,
      target: () => jobs.target(),
      cordon: (what, by) => deployOrders.cordon(what, by),
      log,
    }),
    ...drainRoutes({
      nodeId: id,
      // Made below, of parts that are made below.
      drain: {
        get progress() {
          return draining.progress
        },
        get rebalanceProgress() {
          return draining.rebalanceProgress
        },
        begin: (wish, origin) => draining.begin(wish, origin),
        cancel: () => draining.cancel(),
        rebalance: (count, plan, origin) => draining.rebalance(count, plan, origin),
        cancelRebalance: () => draining.cancelRebalance(),
      },
      nodes: async () => (await membership.table()).nodes,
      otherNodes,
      emptied,
    }),
    ...(config.devTokens ? [devTokenRoute(mint)] : []),
  ]
  const keys = new ApiKeys(parseApiKeys(config.api.keys, { allowWeak: true }))
  const addresses = new ClientAddress(config.trustedProxies, false)
  const api = new Api(routes, {
    nodeId: id,
    keys,
    requests: nodeRequests,
    clock,
    log,
    mistakes,
    metrics,
    caught,
    localHosts: localHostsOf(config),
    addressOf: (head) => addresses.of(head),
    leaving: () => health.state === 'draining' || health.state === 'closing',
  })
  api.attach(apiListener, { bodyBytesMax: config.limits.requestBody, jsonDepthMax: config.limits.jsonDepth })

  metrics.sessions.read(() => sessions.count)
  metrics.channels.read(() => hub.channelCount)
  metrics.feedBytes.read(() => hub.feedBytes)
  metrics.subscriptions.read(() => hub.subscriptionCount)
  metrics.eventLoopLag.read(() => load.lagMs / 1000)
  const degraded = watchParts({
    backbone,
    registry,
    log: replayLog,
    keysFresh: () => tokens.healthy(),
    deaf: () => canary.deaf,
    unlinkable: () => strangers.finding(),
    isolation: new Isolation({
      region,
      graceMs: graceMsOf(config.cluster.heartbeat, config.cluster.canary),
    }),
    membership: () => membership,
    clock,
    health,
    metrics,
  })

  const startedAt = clock.now()
  const rates = new Rates(clock, metrics)
  const deployed = new DeployGeneration({
    version,
    said: config.node.generation,
    registry,
    clock,
    failed,
  })
  const info = (): NodeInfo => ({
    id,
    version,
    region,
    role,
    state: health.state,
    startedAt,
    ...(deployed.deploy === undefined ? {} : { deploy: deployed.deploy }),
    connections: admission.gate.connections,
    ...(config.limits.connections === 0 ? {} : { connectionsMax: config.limits.connections }),
    ...(admission.gate.offered === undefined ? {} : { offers: admission.gate.offered }),
    pressure: admission.gate.pressure,
    ...(config.node.publicUrl === undefined ? {} : { publicUrl: config.node.publicUrl }),
    address: addressOf(config, apiListener.port),
    rates: rates.current,
    degraded: degraded(),
  })
  const membership = new Membership(config.cluster.heartbeat, {
    registry,
    clock,
    info,
    proof: proofs?.sign(id),
    read(askedMs) {
      strangers.look()
      deployOrders.look()
      jobs.look(askedMs)
    },
    failed,
  })
  const deployOrders = new OrderBook({
    registry,
    membership: () => membership,
    clock,
    log,
    self: info,
    cordoned(cordon) {
      health.cordon(cordon && `${cordon.kind} ${cordon.what}, by ${cordon.by}`)
      // The others are told how this node is now.
      if (health.state === 'active' || health.state === 'cordoned') void membership.beat()
    },
  })
  const strangers = new Strangers(proofs, {
    clock,
    log,
    refusals: metrics.meshRefusals,
    others: () => membership.others,
  })
  const canary = new Canary(
    { intervalMs: config.cluster.canary, missedMax: CANARIES_MISSED_MAX },
    {
      clock,
      send: (word) => parts.probe(controlBytes({ kind: 'canary', word })),
      changed(deaf) {
        if (deaf) log.warn({}, 'the node does not hear what it sends itself through the backbone')
        else log.info({}, 'the node hears itself again')
        parts.becomeDeaf(deaf)
        void health.check()
        void membership.update()
      },
      heardAfter: (ms) => pace.backbone.add(ms),
      missed: () => hub.backboneReturned(),
    },
  )
  const orders = new OrderWatch({
    registry,
    sessions,
    clock,
    hears: () => backbone.healthy() && !canary.deaf,
    failed,
  })
  const graceMs = graceMsOf(config.cluster.heartbeat, config.cluster.canary)
  const inquiry = new Inquiry(
    { graceMs, silenceMs: graceMs + SILENCE_MS },
    {
      clock,
      well: () => degraded().length === 0,
      ask: (number) => void tell(backbone, undefined, { kind: 'howAreYou', number }),
      saidSince: (ms) => membership.saidSince(ms),
    },
  )
  const door =
    doors === undefined || parts.nats === undefined
      ? undefined
      : new NodeDoor({
          doors,
          nats: parts.nats,
          clock,
          log,
          metrics,
          degraded,
          answered: (ms) => inquiry.answered(ms),
        })
  const { durableTrouble } = parts
  if (durableTrouble !== undefined) {
    health.register('durable', () => {
      const detail = durableTrouble()
      return detail === undefined ? { status: 'ok' } : { status: 'degraded', detail }
    })
  }
  health.register('alone', () =>
    inquiry.look()
      ? { status: 'degraded', detail: 'other nodes are well, or cannot be heard: this node alone is not' }
      : { status: 'ok' },
  )
  const draining = new NodeDrain(drainOptions(config), {
    nodeId: id,
    clock,
    log,
    health,
    gate: admission.gate,
    sessions,
    membership,
    inquiry,
    metrics,
    info,
    leaving: () => jobs.runner.leaving,
    began: (movement) => jobs.records.began(movement),
  })
  const jobs = createJobs({
    config,
    clock,
    log,
    registry,
    membership,
    metrics,
    drain: () => draining,
    info,
    changed: () => void tell(backbone, undefined, { kind: 'jobChanged' }),
    emptied,
    failed,
  })
  let closing: Promise<void> | undefined
  let ended: () => void = () => undefined
  const end = new Promise<void>((resolve) => (ended = resolve))
  const close = (): Promise<void> => {
    closing ??= stop().finally(ended)
    return closing
  }

  return {
    id,
    log,
    caught,
    get url() {
      return `${config.tls === undefined ? 'http' : 'https'}://${shownHost(config.host)}:${listener.port}`
    },
    get apiUrl() {
      const scheme = config.api.tls === undefined ? 'http' : 'https'
      return `${scheme}://${shownHost(config.api.host)}:${apiListener.port}`
    },
    async start() {
      await apiListener.listen()
      // An `api` node only publishes: no client can starve it, because none can connect.
      if (role !== 'api') await listener.listen()
      await certificates.start()
      await parts.start()
      await deployed.start(config.cluster.heartbeat)
      await membership.start()
      await health.start()
      health.become('active')
      await membership.beat()
      // An `edge` node has clients to serve; publishers are others' work.
      if (role !== 'edge') door?.start()
      for (const warning of weaknesses(config)) log.warn({}, warning)
      log.info({}, `uWebSockets.js: ${loadUws().why}`)
      const { vanishing } = apiListener
      if (vanishing !== undefined) log.warn({ reason: vanishing }, LATE_NOTICE)
      log.info({ version, region, role, port: listener.port, apiPort: apiListener.port }, 'the node is ready')
    },
    end,
    async drain() {
      const outcome = draining.beginBySignal({ alone: parts.nats === undefined })
      // Where there is nowhere to go, each client comes back when a node is there again, and at its own moment. Who could
      // tell may be away, so nothing waits for the answer.
      if ((await othersOf(membership)).length === 0) draining.leaveWithOthers()
      if ((await outcome) === 'gone') await close()
    },
    renewCertificates: () => certificates.renew(),
    hurry: () => draining.hurry(),
    leaveWithOthers: () => draining.leaveWithOthers(),
    close,
  }

  async function stop(): Promise<void> {
    health.become('closing')
    admission.gate.close('closing')
    const doorsClosed = door?.close()
    certificates.close()
    canary.close()
    orders.close()
    rates.close()
    deployed.close()
    listener.stopListening()
    const goingAway = new Closing('goingAway', 'unavailable', 'the node is going away; come back elsewhere')
    const boundMs = endMs(config)
    const endings: readonly Ending[] = [
      // One word for all of them, before each of them would have a word of its own.
      { part: 'presence', end: () => presence.close() },
      { part: 'clients', end: () => void sessions.endAll(goingAway, () => true) },
      { part: 'farewell', end: () => passed(Math.min(FAREWELL_MS, boundMs / 4), clock) },
      // Where the registry is away the entry ends by itself.
      {
        part: 'table of nodes',
        async end() {
          await Promise.all([jobs.records.close(), jobs.runner.close()])
          await membership.leave()
        },
      },
      // Who publishes would not know whether it was, and publish it again; but some never send the whole of their request.
      {
        part: 'publishes under way',
        end: () => Promise.all([doorsClosed, api.settled()]).then(() => undefined),
      },
      {
        part: 'listeners',
        end() {
          listener.close()
          apiListener.close()
          hub.close()
        },
      },
      ...parts.endings,
    ]
    if (sessions.count > 0) await endOver(closeMomentMs(config), sessions, goingAway, clock)
    const late = await endInTurn(endings, boundMs, {
      clock,
      failed: (part, error) => failed(`the end of a part (${part})`, error),
    })
    if (late.length > 0) log.warn({ parts: late, boundMs }, LATE_ENDING)
    wheel.close()
    load.close()
    pace.close()
    health.close()
    mistakes.close()
    faults.close()
    outages.close()
    log.info({}, 'the node has stopped')
  }
}

function passed(ms: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve))
}

/** Who could take clients: as the table says now, or as it said last. */
async function othersOf(membership: Membership): Promise<readonly NodeInfo[]> {
  const others = await membership.refresh().catch(() => membership.others)
  return others.filter(({ state, role }) => state === 'active' && role !== 'api')
}
