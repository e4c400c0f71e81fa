/**
 * This node among the others: what it says of itself, what it knows of them, and whether it hears. Part of the composition.
 */
import type { Gate } from '../admission/gate.ts'
import { Canary } from '../cluster/canary.ts'
import { controlBytes, send } from '../cluster/control.ts'
import { DeployGeneration } from '../cluster/deploy-generation.ts'
import { Inquiry } from '../cluster/inquiry.ts'
import { graceMsOf, PartitionDetector } from '../cluster/partition-detector.ts'
import { Membership } from '../cluster/membership.ts'
import { OrderBook } from '../cluster/order-book.ts'
import { MeshFaults } from '../cluster/mesh-faults.ts'
import type { Config } from '../config/schema.ts'
import { addressOf } from './address.ts'
import type { Base } from './base.ts'
import type { NodePace } from './pace.ts'
import { watchParts } from './probes.ts'
import type { Stores } from './stores.ts'
import { Rates } from './rates.ts'
import type { Switchboard } from './switchboard.ts'
import type { Trust } from './trust.ts'
import type { NodeInfo } from '../registry/registry.ts'

/** Links to the other nodes are open within this time, where any can be opened. */
const SILENCE_MS = 5000
/** So many words that a node does not hear are no accident. */
const CANARIES_MISSED_MAX = 3

export interface ClusterPorts {
  readonly stores: Stores
  readonly trust: Trust | undefined
  readonly gate: Gate
  /** Hears how long the backbone takes. */
  readonly pace: NodePace
  readonly switchboard: Switchboard
  /** Of the second listener. */
  readonly apiPort: () => number
  /** Whether the keys that tokens are checked with are as new as they should be. */
  readonly keysFresh: () => boolean
}

export interface Cluster {
  readonly membership: Membership
  readonly orders: OrderBook
  readonly meshFaults: MeshFaults
  readonly canary: Canary
  readonly inquiry: Inquiry
  readonly info: () => NodeInfo
  /** The parts that do not answer now. */
  readonly degraded: () => string[]
  start(): Promise<void>
  /** What it does by itself; it still is in the table of nodes. */
  close(): void
}

export function createCluster(base: Base, ports: ClusterPorts): Cluster {
  const { config, clock, metrics, failed } = base
  const { registry } = ports.stores
  const rates = new Rates(clock, metrics)
  const { version } = base
  const deployed = new DeployGeneration({ version, said: config.node.generation, registry, clock, failed })
  const info = (): NodeInfo => ({
    ...selfOf(base, ports),
    startedAt,
    ...(deployed.deploy === undefined ? {} : { deploy: deployed.deploy }),
    rates: rates.current,
    service: rates.service,
    degraded: degraded(),
  })
  const startedAt = clock.now()
  const membership: Membership = new Membership(config.cluster.heartbeat, {
    registry,
    clock,
    info,
    proof: ports.trust?.proofs.sign(base.id),
    read(askedMs) {
      meshFaults.look()
      orders.look()
      ports.switchboard.tableRead(askedMs)
    },
    failed,
  })
  const orders = createOrders(base, ports, membership, info)
  const meshFaults = new MeshFaults(ports.trust?.proofs, {
    clock,
    log: base.log,
    refusals: metrics.meshRefusals,
    others: () => membership.others,
  })
  const canary = createCanary(base, ports, membership)
  const degraded = watchAll(base, ports, { membership, meshFaults, canary })
  const inquiry = createInquiry(base, ports, membership, degraded)
  return {
    ...{ membership, orders, meshFaults, canary, inquiry, info, degraded },
    async start() {
      await deployed.start(config.cluster.heartbeat)
      await membership.start()
    },
    close() {
      canary.close()
      rates.close()
      deployed.close()
    },
  }
}

/** What the node says of itself and knows without asking anybody. */
function selfOf(
  { config, id, version, health }: Base,
  { gate, apiPort }: ClusterPorts,
): Omit<NodeInfo, 'startedAt' | 'deploy' | 'rates' | 'degraded'> {
  const { region, role } = config.node
  const max = config.limits.connections
  return {
    ...{ id, version, region, role },
    state: health.state,
    connections: gate.connections,
    ...(max === 0 ? {} : { connectionsMax: max }),
    ...(gate.offered === undefined ? {} : { offers: gate.offered }),
    pressure: gate.pressure,
    ...(config.node.publicUrl === undefined ? {} : { publicUrl: config.node.publicUrl }),
    address: addressOf(config, apiPort()),
  }
}

/** Where clients shall go and which nodes stay out, as operators have said. */
function createOrders(
  { clock, log, health }: Base,
  { stores: { registry } }: ClusterPorts,
  membership: Membership,
  self: () => NodeInfo,
): OrderBook {
  return new OrderBook({
    registry,
    membership: () => membership,
    clock,
    log,
    self,
    cordoned(cordon) {
      health.cordon(cordon && `${cordon.kind} ${cordon.what}, by ${cordon.by}`)
      // The others are told how this node is now.
      if (health.state === 'active' || health.state === 'cordoned') void membership.beat()
    },
  })
}

/** Registers what health is asked of; the answer names the parts that do not answer now. */
function watchAll(
  { config, clock, health, metrics }: Base,
  { stores, keysFresh }: ClusterPorts,
  { membership, meshFaults, canary }: Pick<Cluster, 'membership' | 'meshFaults' | 'canary'>,
): () => string[] {
  const { region } = config.node
  const degraded = watchParts({
    backbone: stores.backbone,
    registry: stores.registry,
    log: stores.log,
    keysFresh,
    deaf: () => canary.deaf,
    unlinkable: () => meshFaults.finding(),
    isolation: new PartitionDetector({ region, graceMs: graceMsOfCluster(config) }),
    membership,
    clock,
    health,
    metrics,
  })
  const { durableTrouble } = stores
  if (durableTrouble !== undefined) {
    health.register('durable', () => {
      const detail = durableTrouble()
      return detail === undefined ? { status: 'ok' } : { status: 'degraded', detail }
    })
  }
  return degraded
}

/** Whether it is this node alone that is not well. */
function createInquiry(
  { config, clock, health }: Base,
  { stores: { backbone } }: ClusterPorts,
  membership: Membership,
  degraded: () => string[],
): Inquiry {
  const graceMs = graceMsOfCluster(config)
  const inquiry = new Inquiry(
    { graceMs, silenceMs: graceMs + SILENCE_MS },
    {
      clock,
      well: () => degraded().length === 0,
      ask: (number) => void send(backbone, undefined, { kind: 'howAreYou', number }),
      saidSince: (ms) => membership.saidSince(ms),
    },
  )
  health.register('alone', () =>
    inquiry.look()
      ? { status: 'degraded', detail: 'other nodes are well, or cannot be heard: this node alone is not' }
      : { status: 'ok' },
  )
  return inquiry
}

function graceMsOfCluster({ cluster }: Config): number {
  return graceMsOf(cluster.heartbeat, cluster.canary)
}

function createCanary(
  { config, clock, log, health, metrics }: Base,
  { stores, switchboard, pace }: ClusterPorts,
  membership: Membership,
): Canary {
  return new Canary(
    { intervalMs: config.cluster.canary, missedMax: CANARIES_MISSED_MAX },
    {
      clock,
      send: (word) => stores.probe(controlBytes({ kind: 'canary', word })),
      changed(deaf) {
        if (deaf) log.warn({}, 'the node does not hear what it sends itself through the backbone')
        else log.info({}, 'the node hears itself again')
        stores.becomeDeaf(deaf)
        if (!deaf) switchboard.heardAgain()
        void health.check()
        void membership.update()
      },
      heardAfter(ms) {
        pace.backbone.add(ms)
        metrics.backboneRoundTrip.observe(ms / 1000)
      },
      missed: () => switchboard.messagesMissed(),
    },
  )
}
