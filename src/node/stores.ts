/**
 * Which implementation of each part a node runs: all in memory, or a cluster's. Part of the composition.
 */
import type { AckStore } from '../acks/ack-store.ts'
import { MemoryAckStore } from '../acks/memory.ts'
import type { Backbone } from '../backbone/backbone.ts'
import { CountedBackbone } from '../backbone/counted.ts'
import { MemoryBackbone, MemoryBus } from '../backbone/memory.ts'
import { MalformedNodes } from '../cluster/malformed-nodes.ts'
import type { Config } from '../config/schema.ts'
import type { NatsLink } from '../drivers/nats.ts'
import type { RedisLink } from '../drivers/redis.ts'
import type { Listener } from '../drivers/uws.ts'
import { createBackbone } from './backbone.ts'
import type { Base } from './base.ts'
import { durableParts } from './durable.ts'
import type { Ending } from './ending.ts'
import { PACKET_BYTES_AROUND } from './limits.ts'
import { FAILED_MS, type NodePace } from './pace.ts'
import { openServers, startOf, type Servers } from './servers.ts'
import type { Switchboard } from './switchboard.ts'
import type { Trust } from './trust.ts'
import { MemoryPresenceStore } from '../presence/memory.ts'
import { PRESENCE_REFRESH_MS } from '../presence/presence.ts'
import { RedisPresenceStore } from '../presence/redis.ts'
import type { PresenceStore } from '../presence/store.ts'
import { CountedRegistry } from '../registry/counted.ts'
import { MemoryRegistry } from '../registry/memory.ts'
import { RedisRegistry, type RedisRegistryOptions } from '../registry/redis.ts'
import type { Registry } from '../registry/registry.ts'
import { LogByDelivery } from '../replay/by-delivery.ts'
import { MemoryReplayLog } from '../replay/memory.ts'
import { RedisReplayLog } from '../replay/redis.ts'
import type { ReplayLog } from '../replay/replay-log.ts'

export interface Stores {
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

export interface StoresPorts {
  /** Where other nodes link to. */
  readonly listener: Listener
  /** Absent: the node is alone. */
  readonly trust: Trust | undefined
  readonly switchboard: Switchboard
  /** Hears how long the registry takes. */
  readonly pace: NodePace
}

/** A node that says nothing of a channel for so long is not in it any more. */
const PRESENCE_TTL_MS = 4 * PRESENCE_REFRESH_MS
/** A node asks for each channel with subscribers once in `feeds.headCheck`; it may be late, and miss once. */
const ASKED_HEAD_CHECKS = 3
const ASKED_MIN_MS = 60_000

export function createStores(base: Base, ports: StoresPorts): Stores {
  const { pace } = ports
  const { config, clock, metrics } = base
  const { registryOps, backboneMessages } = metrics
  const stores = config.nats.url.length === 0 ? memoryStores(base, ports) : clusterStores(base, ports)
  return {
    ...stores,
    registry: new CountedRegistry(stores.registry, registryOps, clock, (ms) =>
      pace.store.add(ms ?? FAILED_MS),
    ),
    backbone: new CountedBackbone(stores.backbone, backboneMessages.out),
    probe(payload) {
      backboneMessages.out.inc()
      stores.probe(payload)
    },
  }
}

function memoryStores({ config, id, clock, policies }: Base, { switchboard }: StoresPorts): Stores {
  const acknowledged = (channel: string): boolean => policies(channel).client.acknowledged
  const log = new MemoryReplayLog({ clock, askedMs: askedMsOf(config), acknowledged })
  const registry = new MemoryRegistry(registryOptions(config), clock)
  const backbone = new MemoryBackbone(id, new MemoryBus(), switchboard)
  const presence = new MemoryPresenceStore({ ttlMs: PRESENCE_TTL_MS }, clock)
  return {
    ...{ log, registry, backbone, presence },
    acks: new MemoryAckStore(),
    probe: (payload) => void backbone.control(id, payload),
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

function clusterStores(base: Base, { listener, trust, switchboard }: StoresPorts): Stores {
  const { config } = base
  const servers = openServers(base, switchboard)
  const { redis, nats } = servers
  const durable = durableParts(config, nats, { ...base, logReturned: () => switchboard.logReturned() })
  const backbone = createBackbone(base, {
    nats,
    republished: durable?.republished,
    listener,
    // The configuration does not pass without the secret.
    trust: trust as Trust,
    switchboard,
  })
  const replay = new RedisReplayLog(redis, {
    askedTtlMs: askedMsOf(config),
    keeps: () => servers.wholeness.keeps,
  })
  const log =
    durable === undefined ? replay : new LogByDelivery(replay, durable.log, durable.republished.applies)
  const acks = durable?.acks ?? new MemoryAckStore()
  const registry = createRegistry(base, redis)
  const presence = new RedisPresenceStore(redis, { ttlMs: PRESENCE_TTL_MS })
  return {
    ...{ log, registry, backbone, presence, acks, nats },
    probe: (payload) => backbone.probe(payload),
    becomeDeaf: (deaf) => backbone.becomeDeaf(deaf),
    payloadBytesMax: () => nats.maxPayloadBytes - PACKET_BYTES_AROUND,
    ...(durable === undefined ? {} : { durableTrouble: () => durable.trouble() }),
    async start() {
      await servers.start()
      // What is wrong is told by the streams themselves, once it has lasted for a moment.
      if (durable !== undefined) await startOf(durable.ready(), () => undefined)
      backbone.start()
    },
    endings: [
      { part: 'backbone', end: () => backbone.close() },
      // While there is a connection: what was acknowledged is written.
      { part: 'acknowledgements', end: () => acks.close() },
      { part: 'log of messages', end: () => log.close() },
      { part: 'NATS', end: () => nats.close() },
      { part: 'presence store', end: () => presence.close() },
      { part: 'registry', end: () => registry.close() },
      { part: 'Redis', end: () => closeRedis(servers) },
    ],
  }
}

function closeRedis({ wholeness, redis }: Servers): void {
  wholeness.close()
  redis.close()
}

function createRegistry({ config, clock, log, metrics }: Base, redis: RedisLink): RedisRegistry {
  const malformed = new MalformedNodes({ log, count: metrics.malformedNodes })
  const options = {
    ...registryOptions(config),
    malformed: (names: readonly string[]) => malformed.found(names),
  }
  return new RedisRegistry(redis, options, clock)
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
