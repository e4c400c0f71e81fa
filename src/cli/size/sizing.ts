/**
 * How many nodes, how much of NATS and Redis, how long and how dear: arithmetic on the factors. Pure.
 */
import {
  BUSY_MAX,
  CONNECTS_PER_SECOND,
  DRAIN_STEP_MIN,
  DRAIN_STEPS,
  FACTORS,
  INSTANCE,
  LOG_MESSAGES_MAX,
  LOG_TTL_S,
} from './factors.ts'

export interface Load {
  readonly connections: number
  /** In use at a time, inboxes not counted. */
  readonly channels: number
  /** In a second. */
  readonly publishes: number
  /** Subscribers of a message, on average. */
  readonly fanout: number
  readonly payloadBytes: number
  /** Beside the inbox, on average. */
  readonly subscriptions: number
  /** That one node shall have at most. */
  readonly perNode: number
  /** Of an instance, for an hour. */
  readonly pricePerHour: number
}

export interface Size {
  readonly nodes: number
  /** What decided: memory and `perNode`, or the processor. */
  readonly by: 'connections' | 'processor'
  readonly connectionsPerNode: number
  /** Of a node, of its process and of the kernel for its connections. */
  readonly bytesPerNode: number
  /** Of the one core that a node's loop has. */
  readonly busy: number
  readonly nodeLostS: number
  /** Of a loop that lets in as many as it may. */
  readonly connectBusy: number
  /** As `bytesPerNode`, where clients are silent; the process alone. */
  readonly silentBytesPerNode: number
  readonly drainOfNodeMin: number
  readonly deployOneByOneH: number
  readonly natsSubscriptions: number
  readonly natsMessagesPerSecond: number
  readonly natsCores: number
  readonly links: number
  readonly redisBytes: number
  readonly redisOpsPerSecond: number
  readonly redisCores: number
  readonly instances: number
  readonly perMonth: number
}

const US = 1e-6
const HOURS_OF_MONTH = 730
/** Of three each: Redis with its replicas, NATS. */
const SERVER_INSTANCES = 6

export function sizeOf(load: Load): Size {
  const { connections, perNode, publishes } = load
  const byConnections = Math.max(2, Math.ceil(connections / perNode))
  let nodes = byConnections
  while (nodes < 100_000 && busyOf(load, nodes) > BUSY_MAX) nodes++
  const here = connections / nodes
  const bytesPerNode =
    FACTORS.nodeBaseBytes.value + here * (FACTORS.busyBytes.value + FACTORS.kernelBytes.value)
  const hearing = hearingOf(load, nodes)
  const perInstance = Math.min(INSTANCE.cores, Math.max(1, Math.floor((INSTANCE.bytes * 0.8) / bytesPerNode)))
  const instances = Math.ceil(nodes / perInstance) + SERVER_INSTANCES
  const kept = Math.min(load.channels * LOG_MESSAGES_MAX, publishes * LOG_TTL_S)
  const drainOfNodeMin = DRAIN_STEPS * DRAIN_STEP_MIN
  return {
    ...{ nodes, by: nodes > byConnections ? 'processor' : 'connections', bytesPerNode, instances },
    connectionsPerNode: Math.ceil(here),
    busy: busyOf(load, nodes),
    // Those of one node come back to the others.
    nodeLostS: here / ((nodes - 1) * CONNECTS_PER_SECOND),
    connectBusy: CONNECTS_PER_SECOND * FACTORS.connectUs.value * US,
    silentBytesPerNode: FACTORS.nodeBaseBytes.value + here * FACTORS.idleBytes.value,
    drainOfNodeMin,
    deployOneByOneH: (nodes * drainOfNodeMin) / 60,
    natsSubscriptions: nodes * Math.min(load.channels, here * load.subscriptions),
    natsMessagesPerSecond: publishes * (1 + hearing),
    natsCores: publishes * hearing * FACTORS.natsPublishUs.value * US,
    links: (nodes * (nodes - 1)) / 2,
    redisBytes:
      kept * (FACTORS.redisMessageBytes.value + load.payloadBytes) +
      connections * FACTORS.redisSessionBytes.value,
    redisOpsPerSecond: publishes + nodes,
    redisCores: publishes * FACTORS.redisPublishUs.value * US,
    perMonth: instances * load.pricePerHour * HOURS_OF_MONTH,
  }
}

/** How many nodes have a subscriber of a message: each of its subscribers is on any of them. */
function hearingOf({ fanout }: Load, nodes: number): number {
  return nodes * (1 - (1 - 1 / nodes) ** fanout)
}

/** Of the core of one node. */
function busyOf(load: Load, nodes: number): number {
  const { publishes, fanout } = load
  const heard = (publishes * hearingOf(load, nodes)) / nodes
  // Where messages come one at a time each delivery is a system call of its own.
  const deliveryUs = heard > 1000 ? FACTORS.deliveryBusyUs.value : FACTORS.deliveryUs.value
  const us =
    (publishes / nodes) * FACTORS.publishUs.value +
    heard * FACTORS.hearUs.value +
    ((publishes * fanout) / nodes) * deliveryUs
  return us * US
}

/** As `sluice size` prints it, and docs/sizing.md. */
export function sizeLines(load: Load): readonly (readonly [string, string])[] {
  const size = sizeOf(load)
  return [
    ['nodes', `${count(size.nodes)} (by ${size.by}), ${count(size.connectionsPerNode)} connections each`],
    [
      'memory of a node',
      `${bytes(size.bytesPerNode)}, ${bytes(size.silentBytesPerNode)} while all are silent`,
    ],
    ['its loop', `${Math.round(size.busy * 100)} % busy with this traffic`],
    [
      'a node is lost',
      `its clients are let in within ${span(size.nodeLostS)}; that takes ${Math.round(size.connectBusy * 100)} % of each loop meanwhile`,
    ],
    ['a deploy', `${size.drainOfNodeMin} min a node; ${span(size.deployOneByOneH * 3600)} one by one`],
    [
      'NATS',
      `${count(size.natsSubscriptions)} subscriptions, ${count(size.natsMessagesPerSecond)} messages/s, ${size.natsCores.toFixed(2)} cores`,
    ],
    ['links, while NATS is away', count(size.links)],
    [
      'Redis',
      `${bytes(size.redisBytes)}, ${count(size.redisOpsPerSecond)} operations/s, ${size.redisCores.toFixed(2)} cores`,
    ],
    ['machines', `${count(size.instances)}, ${count(size.perMonth)} USD a month`],
  ]
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

function bytes(value: number): string {
  return value >= 1024 ** 3 ? `${(value / 1024 ** 3).toFixed(1)} GiB` : `${Math.ceil(value / 1024 ** 2)} MiB`
}

function span(seconds: number): string {
  if (seconds < 120) return `${Math.max(1, Math.round(seconds))} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
}
