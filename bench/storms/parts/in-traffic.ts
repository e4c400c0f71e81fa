/** A cluster under traffic, in which something happens; and what clients and publishers have noticed of it. */
import { Cluster, type ClusterOptions } from './cluster.ts'
import { Herd, type HerdOutcome } from './herd.ts'
import { Publishers } from './publishers.ts'
import type { StormOptions } from './report.ts'

const CHANNELS = 100
const CLIENTS = 600
const PUBLISHES_PER_SECOND = 100
/** Until the balancer has noticed who is ready. */
export const BALANCER_MS = 5000
const CALM_MS = 5000

export interface Arrangement extends ClusterOptions {
  /** So many of the nodes, from the first on, are there at the beginning. */
  readonly started: number
}

export interface World {
  readonly cluster: Cluster
  readonly herd: Herd
  readonly publishers: Publishers
}

export async function inTraffic(
  arrangement: Arrangement,
  { clients = CLIENTS, publishes = PUBLISHES_PER_SECOND, old }: StormOptions,
  run: (world: World) => Promise<void>,
): Promise<{ readonly herd: HerdOutcome; readonly publishers: Publishers }> {
  const channels = Array.from({ length: CHANNELS }, (_, index) => `room:${index}`)
  const cluster = await Cluster.prepare({ ...arrangement, old })
  const closing: (() => Promise<void>)[] = [() => cluster.close()]
  try {
    await Promise.all(cluster.nodes.slice(0, arrangement.started).map((node) => node.start()))
    await pause(BALANCER_MS)
    const { port, apiPort } = cluster.balancer
    const herd = await Herd.join({ clients, channels, port })
    closing.push(() => herd.close())
    const publishers = await Publishers.start({
      natsUrl: cluster.nats.url,
      apiPort,
      apiKey: cluster.node(0).apiKey,
      channels,
      users: herd.size,
      perSecond: publishes,
    })
    closing.push(() => publishers.close())
    await pause(CALM_MS)
    const sleeping = herd.sleepInTurns()
    await run({ cluster, herd, publishers })
    await pause(CALM_MS)
    herd.wake()
    await Promise.all([sleeping, publishers.stop()])
    return { herd: await herd.settled(publishers.published), publishers }
  } finally {
    for (const close of closing.toReversed()) await close()
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
