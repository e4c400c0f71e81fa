/**
 * Which implementation of each part a node runs: all in memory, or a cluster's. Part of the composition.
 */
import type { AckStore } from '../acks/ack-store.ts'
import { MemoryAckStore } from '../acks/memory.ts'
import type { Backbone } from '../backbone/backbone.ts'
import { CountedBackbone } from '../backbone/counted.ts'
import { MemoryBackbone, MemoryBus } from '../backbone/memory.ts'
import type { NatsLink } from '../drivers/nats.ts'
import type { Listener } from '../drivers/uws.ts'
import type { Base } from './base.ts'
import type { Ending } from './ending.ts'
import { FAILED_MS, type NodePace } from './pace.ts'
import { askedMsOf, PRESENCE_TTL_MS, registryOptions } from './store-options.ts'
import type { Switchboard } from './switchboard.ts'
import type { Trust } from './trust.ts'
import { MemoryPresenceStore } from '../presence/memory.ts'
import type { PresenceStore } from '../presence/store.ts'
import { CountedRegistry } from '../registry/counted.ts'
import { MemoryRegistry } from '../registry/memory.ts'
import type { Registry } from '../registry/registry.ts'
import { MemoryReplayLog } from '../replay/memory.ts'
import { MemoryWebhookStore } from '../webhooks/memory.ts'
import type { GrantStore } from '../webhooks/grant-store.ts'
import { MemoryGrantStore } from '../webhooks/memory-grants.ts'
import type { WebhookStore } from '../webhooks/store.ts'
import type { ReplayLog } from '../replay/replay-log.ts'

export interface Stores {
  readonly log: ReplayLog
  readonly registry: Registry
  /** See `SessionPorts`. */
  readonly logBehindClaims: boolean
  readonly backbone: Backbone
  readonly presence: PresenceStore
  readonly acks: AckStore
  readonly webhooks: WebhookStore
  readonly grants: GrantStore
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

/** Makes those of a cluster. */
export type MakeStores = (base: Base, ports: StoresPorts) => Stores

/** Loads what a cluster takes, which is more than half of all code: nothing of it where all is in memory. */
export async function clusterStoresOf(base: Base): Promise<MakeStores | undefined> {
  if (base.config.nats.url.length === 0) return undefined
  return (await import('./cluster-stores.ts')).clusterStores
}

export function createStores(base: Base, ports: StoresPorts, ofCluster: MakeStores = memoryStores): Stores {
  const { pace } = ports
  const { clock, metrics } = base
  const { registryOps, backboneMessages } = metrics
  const stores = ofCluster(base, ports)
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
    logBehindClaims: true,
    acks: new MemoryAckStore(),
    webhooks: new MemoryWebhookStore(config.webhooks.backlog, clock),
    grants: new MemoryGrantStore(clock),
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
