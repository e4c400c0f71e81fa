/**
 * Which implementation of each part a node runs: all in memory, or a cluster's. Part of the composition.
 */
import type { AckStore } from './acks/ack-store.ts'
import { MemoryAckStore } from './acks/memory.ts'
import { CountedBackbone } from './backbone/counted.ts'
import { Links, type Peer } from './backbone/links.ts'
import { MemoryBackbone, MemoryBus } from './backbone/memory.ts'
import { MeshBackbone } from './backbone/mesh.ts'
import { NatsBackbone } from './backbone/nats.ts'
import { SealedPackets, type PacketRefusal } from './backbone/sealed.ts'
import type { Backbone, BackboneSink } from './backbone/backbone.ts'
import type { Clock } from './clock.ts'
import { acceptPeers, dialPeer } from './cluster/mesh-door.ts'
import { MalformedNodes } from './cluster/malformed-nodes.ts'
import type { NodeRequests } from './cluster/node-request.ts'
import type { NodeTokens } from './cluster/node-token.ts'
import type { MeshDirection, MeshRefusal } from './cluster/strangers.ts'
import type { Config } from './config/schema.ts'
import { NatsLink } from './drivers/nats.ts'
import { RedisLink } from './drivers/redis.ts'
import { readTlsFiles } from './drivers/tls-files.ts'
import type { Listener } from './drivers/uws.ts'
import { SluiceError, type Caught } from './errors.ts'
import { nodesTls } from './node-address.ts'
import { durableParts } from './node-durable.ts'
import type { Ending } from './node-ending.ts'
import { PACKET_BYTES_AROUND, payloadMisfit } from './node-limits.ts'
import type { LogRoot } from './observe/log.ts'
import type { Metrics } from './observe/metrics.ts'
import type { Outages } from './observe/outages.ts'
import type { Mistakes } from './observe/mistakes.ts'
import { MemoryPresenceStore } from './presence/memory.ts'
import { PRESENCE_REFRESH_MS } from './presence/presence.ts'
import { RedisPresenceStore } from './presence/redis.ts'
import type { PresenceStore } from './presence/store.ts'
import { CountedRegistry } from './registry/counted.ts'
import { MemoryRegistry } from './registry/memory.ts'
import { RedisRegistry, type RedisRegistryOptions } from './registry/redis.ts'
import type { Registry } from './registry/registry.ts'
import { LogByDelivery } from './replay/by-delivery.ts'
import { MemoryReplayLog } from './replay/memory.ts'
import { RedisReplayLog } from './replay/redis.ts'
import type { ReplayLog } from './replay/replay-log.ts'
import { WholenessWatch } from './replay/wholeness-watch.ts'

export interface Parts {
  readonly log: ReplayLog
  readonly registry: Registry
  readonly backbone: Backbone
  readonly presence: PresenceStore
  readonly acks: AckStore
  /** To this node itself, the way that messages go. */
  probe(payload: Uint8Array): void
  /** Whether this node does not hear what it sends itself by `probe`. */
  becomeDeaf(deaf: boolean): void
  /** The largest payload that can be carried between nodes now. */
  payloadBytesMax(): number
  /** What durable channels lack now, in a sentence; absent where there can be none. */
  readonly durableTrouble?: () => string | undefined
  /** The connection that backends publish through as well; absent where all is in memory. */
  readonly nats: NatsLink | undefined
  /** Resolves once the parts answer, or it is clear that one does not now: the node starts degraded then. */
  start(): Promise<void>
  /** In this order. What is buffered is sent first. */
  readonly endings: readonly Ending[]
}

export interface PartsPorts {
  readonly nodeId: string
  readonly clock: Clock
  readonly log: LogRoot
  readonly metrics: Metrics
  /** Where other nodes link to. */
  readonly apiListener: Listener
  /** Absent: the node is alone. */
  readonly nodeTokens: NodeTokens | undefined
  readonly nodeRequests: NodeRequests | undefined
  readonly sink: BackboneSink
  /** The other nodes that are alive. Fails with `unavailable`. */
  peers(): Promise<readonly Peer[]>
  /** A link to or from another node was refused. */
  linkRefused(direction: MeshDirection, node: string, why: MeshRefusal): void
  /** Something came over the backbone that no node of the cluster has sent, or not now. */
  packetRefused(why: PacketRefusal, subject: string, from: string | undefined): void
  /** A call of the registry took so long; `undefined`: it has failed. */
  readonly registryTook: (ms: number | undefined) => void
  /** The log and what else is kept may have lost something, or has more than anybody heard of. */
  storesReturned(): void
  /** The durable log may have more than anybody here has heard of. */
  logReturned(): void
  readonly outages: Outages
  /** For lines that a peer can cause. */
  readonly mistakes: Mistakes
  readonly caught: Caught
}

/** A node that says nothing of a channel for so long is not in it any more. */
const PRESENCE_TTL_MS = 4 * PRESENCE_REFRESH_MS
/** A node asks for each channel with subscribers once in `feeds.headCheck`; it may be late, and miss once. */
const ASKED_HEAD_CHECKS = 3
const ASKED_MIN_MS = 60_000
/** The first token of all subjects. Answers to this node come there too, where nobody else may listen. */
export const NATS_PREFIX = 'sluice'
/** Longer than a restart of a server takes that is being updated at the same time. */
const READY_TIMEOUT_MS = 5000

const RESTART_KEEPS = 'a restart of Redis with its files resets nobody: it has on disk what it confirms'

export function createParts(config: Config, ports: PartsPorts): Parts {
  const parts = config.nats.url.length === 0 ? memoryParts(config, ports) : clusterParts(config, ports)
  const { registryOps, backboneMessages } = ports.metrics
  return {
    ...parts,
    registry: new CountedRegistry(parts.registry, registryOps, ports.clock, ports.registryTook),
    backbone: new CountedBackbone(parts.backbone, backboneMessages.out),
    probe(payload) {
      backboneMessages.out.inc()
      parts.probe(payload)
    },
  }
}

function memoryParts(config: Config, { nodeId, clock, sink }: PartsPorts): Parts {
  const log = new MemoryReplayLog({ clock, askedMs: askedMsOf(config) })
  const registry = new MemoryRegistry(registryOptions(config), clock)
  const backbone = new MemoryBackbone(nodeId, new MemoryBus(), sink)
  const presence = new MemoryPresenceStore({ ttlMs: PRESENCE_TTL_MS }, clock)
  const acks = new MemoryAckStore()
  return {
    log,
    registry,
    backbone,
    presence,
    acks,
    probe: (payload) => void backbone.control(nodeId, payload),
    becomeDeaf: () => undefined,
    payloadBytesMax: () => Infinity,
    nats: undefined,
    start: () => Promise.resolve(),
    endings: [
      { part: 'backbone', end: () => backbone.close() },
      { part: 'presence store', end: () => presence.close() },
      { part: 'registry', end: () => registry.close() },
      { part: 'log of messages', end: () => log.close() },
    ],
  }
}

function clusterParts(config: Config, ports: PartsPorts): Parts {
  const { nodeId, clock, log, metrics, outages, mistakes, caught } = ports
  const redis = new RedisLink({
    urls: config.redis.url,
    ...(config.redis.tls === undefined ? {} : { tls: readTlsFiles(config.redis.tls) }),
    sentinel: config.redis.sentinel,
    clock,
    caught,
  })
  const { url: urls, ...natsAccess } = config.nats
  const nats = new NatsLink({
    urls,
    name: `sluice-${nodeId}`,
    inboxPrefix: `${NATS_PREFIX}.reply`,
    ...natsAccess,
    caught,
  })
  redis.watch({
    connected() {
      outages.back('Redis')
      ports.storesReturned()
    },
    disconnected: (reason) => outages.away('Redis', reason),
  })
  nats.watch({
    connected() {
      outages.back('NATS')
      const narrow = payloadMisfit(config.limits.payload, nats.maxPayloadBytes)
      if (narrow !== undefined) log.warn({}, narrow)
    },
    disconnected: (reason) => outages.away('NATS', reason),
    slowConsumer: (subject) =>
      mistakes.warn('NATS has dropped messages: this node reads too slowly', { subject }),
    lameDuck: (server) => log.info({ server }, 'a NATS server is going away'),
    // A client chooses what is subscribed to, and with it what an account does not allow.
    refused: (reason) => mistakes.warn('NATS refuses something', { reason }),
  })

  // The configuration does not pass without it.
  const secret = config.node.clusterSecret as string
  const door = {
    nodeId,
    // The configuration does not pass without the secret.
    tokens: ports.nodeTokens as NodeTokens,
    requests: ports.nodeRequests as NodeRequests,
    tls: nodesTls(config),
    payloadBytesMax: config.limits.payload,
    clock,
    caught: ports.caught,
    refused: (direction: MeshDirection, node: string, why: MeshRefusal) =>
      ports.linkRefused(direction, node, why),
  }
  const links = new Links({
    clock,
    peers: () => ports.peers(),
    dial: (peer, events) => dialPeer(door, peer, events),
    received: (fromNode, bytes) => backbone.received(fromNode, bytes),
    changed: (count) => metrics.meshLinks.set(count),
    failed: (what, error) => outages.failed(what, error),
  })
  acceptPeers(ports.apiListener, door, links)
  const durable = durableParts(config, nats, ports)
  const backbone = new MeshBackbone({
    clock,
    nodeId,
    links,
    sink: ports.sink,
    backbone: (sink) =>
      new NatsBackbone(nodeId, nats, sink, {
        ...(durable === undefined ? {} : { republished: durable.republished }),
        packets: new SealedPackets(secret, nodeId, clock),
        refused: (why, subject, from) => {
          metrics.packetRefusals[why].inc()
          ports.packetRefused(why, subject, from)
        },
        oversize: (subject, bytes, maxBytes) =>
          mistakes.warn('NATS does not take so large a message (max_payload)', { subject, bytes, maxBytes }),
      }),
  })
  const wholeness = new WholenessWatch({
    link: redis,
    clock,
    failed: (error) => outages.failed('a look at what Redis keeps', error),
    changed: (why) =>
      log.info(
        why === undefined ? {} : { why },
        why === undefined
          ? RESTART_KEEPS
          : 'after a restart of Redis each channel is reset: it may lose messages',
      ),
  })
  const replay = new RedisReplayLog(redis, {
    askedTtlMs: askedMsOf(config),
    keeps: () => wholeness.keeps,
  })
  const replayLog =
    durable === undefined ? replay : new LogByDelivery(replay, durable.log, durable.republished.applies)
  const acks = durable?.acks ?? new MemoryAckStore()
  const malformed = new MalformedNodes({ log, count: metrics.malformedNodes })
  const registry = new RedisRegistry(
    redis,
    { ...registryOptions(config), malformed: (names) => malformed.found(names) },
    clock,
  )
  const presence = new RedisPresenceStore(redis, { ttlMs: PRESENCE_TTL_MS })
  return {
    log: replayLog,
    registry,
    backbone,
    presence,
    acks,
    probe: (payload) => backbone.probe(payload),
    becomeDeaf: (deaf) => backbone.becomeDeaf(deaf),
    payloadBytesMax: () => nats.maxPayloadBytes - PACKET_BYTES_AROUND,
    ...(durable === undefined ? {} : { durableTrouble: () => durable.trouble() }),
    nats,
    async start() {
      nats.start()
      await Promise.all([
        startOf(
          redis
            .ready(READY_TIMEOUT_MS)
            .then(() => Promise.all([warnOfSplitBrain(redis, log), wholeness.look()]))
            .then(() => undefined),
          (reason) => outages.away('Redis', reason),
        ),
        startOf(nats.flush(READY_TIMEOUT_MS), (reason) => outages.away('NATS', reason)),
      ])
      if (durable !== undefined) {
        // What is wrong is told by the streams themselves, once it has lasted for a moment.
        await startOf(durable.ready(), () => undefined)
      }
      backbone.start()
    },
    endings: [
      { part: 'backbone', end: () => backbone.close() },
      // While there is a connection: what was acknowledged is written.
      { part: 'acknowledgements', end: () => acks.close() },
      { part: 'log of messages', end: () => replayLog.close() },
      { part: 'NATS', end: () => nats.close() },
      { part: 'presence store', end: () => presence.close() },
      { part: 'registry', end: () => registry.close() },
      {
        part: 'Redis',
        end() {
          wholeness.close()
          redis.close()
        },
      },
    ],
  }
}

/** A part that is away at the start is no reason to stay away too: what does not need it works. */
async function startOf(started: Promise<void>, away: (reason: string) => void): Promise<void> {
  try {
    await started
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    away(error.message)
  }
}

/** A primary that goes on alone confirms what is lost when Sentinels have put another in its place. */
async function warnOfSplitBrain(redis: RedisLink, log: LogRoot): Promise<void> {
  const replicas = await redis.replicasToWrite()
  const advice =
    'set min-replicas-to-write 1 and min-replicas-max-lag on all Redis servers, with two replicas'
  if (replicas === 'untold') {
    log.warn({}, `Redis does not tell whether it takes writes without replicas (CONFIG GET); ${advice}`)
  } else if (replicas === 0) {
    log.warn({}, `Redis takes writes that no replica has: they are lost when Sentinels replace it; ${advice}`)
  }
}

/** For so long a channel is known at least that somebody asks for and nobody has published to. */
function askedMsOf({ feeds }: Config): number {
  return Math.max(feeds.headCheck * ASKED_HEAD_CHECKS, ASKED_MIN_MS)
}

/** What a registry remembers of a user at least, connected or not: a poll leaves a session behind that nobody resumes. */
const SESSIONS_KEPT_MIN = 256
/** Where users have no limit: nobody comes here by himself. */
const SESSIONS_KEPT_MAX = 65_536

function registryOptions({ cluster, sessions, limits }: Config): RedisRegistryOptions {
  const { sessionsPerUser } = limits
  return {
    nodeTtlMs: cluster.nodeTtl,
    sessionTtlMs: sessions.ttl,
    // Who is connected must not be forgotten for those who were.
    sessionsPerUserMax:
      sessionsPerUser === 0 ? SESSIONS_KEPT_MAX : Math.max(sessionsPerUser * 2, SESSIONS_KEPT_MIN),
  }
}
