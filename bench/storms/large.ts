/**
 * As many clients as the machine holds, and a third of them drained in batches. All are the SDK's; they choose their node as
 * a balancer would, since no one process may have as many open files as a balancer would need.
 *
 *   npm run storm -- large [--clients 100000] [--publishes 20] [--plan 200/10s]
 */
import { Cluster } from './parts/cluster.ts'
import { depart } from './parts/departure.ts'
import { holdToPlanned, movesAllowed, printDeploy } from './parts/deploy-report.ts'
import { Herd } from './parts/herd.ts'
import { pause } from './parts/in-traffic.ts'
import { availableBytes, held, type Held } from './parts/memory.ts'
import { Publishers } from './parts/publishers.ts'
import { Promises, seconds, type Rows, type StormOptions } from './parts/report.ts'

const CLIENTS = 100_000
/** Of a client, his process and the node's, and the kernel's for both ends: with room to spare. */
const BYTES_PER_CLIENT = 130_000
/** Of the 20,000 files that a process may have open. */
const PER_PROCESS = 17_000
/** Clients for each node while all of them are there, so that two thirds of the nodes can take them all. */
const PER_NODE = 11_500
const DRAINED_SHARE = 1 / 3
const CHANNELS = 1000
const CALM_MS = 10_000
const LIMIT_MS = 20 * 60_000
/**
 * Of each node that is drained, three of nine at once. On two cores 100,000 idle clients with their nodes take more than half of
 * the time, and a move several milliseconds on both ends together: with 500 of each node in ten seconds the clients' own processes
 * had no time to say what they had to, and many were closed.
 */
const PLAN = '200/10s'

export async function large(options: StormOptions): Promise<boolean> {
  const { plan = PLAN, publishes = 20 } = options
  const clients = fitting(options.clients ?? CLIENTS)
  const count = Math.max(3, Math.ceil(clients / PER_NODE))
  const version = '1.0'
  const overdue = setTimeout(() => {
    console.log(`BROKEN  it is over within ${seconds(LIMIT_MS)}`)
    // Whatever was started ends with this process.
    process.exit(1)
  }, LIMIT_MS)
  const cluster = await Cluster.prepare({
    nodes: Array.from({ length: count }, () => ({ node: { version } })),
    plan,
    balanced: false,
  })
  const closing: (() => Promise<void>)[] = [() => cluster.close()]
  try {
    await Promise.all(cluster.nodes.map((node) => node.start()))
    const channels = Array.from({ length: CHANNELS }, (_, index) => `room:${index}`)
    const { joined: herd, rows } = await measured(cluster, () =>
      Herd.join({
        clients,
        channels,
        port: cluster.node(0).port,
        nodes: cluster.nodes.map(({ port, apiPort }) => ({ port, apiPort })),
        kinds: ['sdk'],
        perProcess: PER_PROCESS,
        stillShare: 0,
      }),
    )
    closing.push(() => herd.close())
    const drained = Math.round(count * DRAINED_SHARE)
    // The balancer of a backend: nodes that are about to go are not in it any more.
    const publishers = await Publishers.start({
      natsUrl: cluster.nats.url,
      apiPort: cluster.node(count - 1).apiPort,
      apiKey: cluster.node(0).apiKey,
      channels,
      users: clients,
      perSecond: publishes,
    })
    closing.push(() => publishers.close())
    await pause(CALM_MS)
    const sleeping = herd.sleepInTurns()
    const departures = await Promise.all(
      cluster.nodes.slice(0, drained).map((node) => depart(node, { plan, version })),
    )
    herd.wake()
    await Promise.all([sleeping, publishers.stop()])
    const found = { herd: await herd.settled(publishers.published), publishers, departures }
    const findings = { ...found, movesMax: movesAllowed(found.herd, departures) }
    printDeploy(findings, [['nodes', `${count}, of which ${drained} are drained at the same time`], ...rows])
    const promises = new Promises()
    holdToPlanned(promises, findings)
    return promises.verdict()
  } finally {
    clearTimeout(overdue)
    for (const close of closing.toReversed()) await close()
  }
}

/** How many of so many have room here. */
function fitting(wanted: number): number {
  const most = Math.floor(availableBytes() / BYTES_PER_CLIENT)
  if (wanted <= most) return wanted
  console.log(`there is memory for ${most} clients, not for ${wanted}`)
  return most
}

/** What it costs that so many connect. */
async function measured(
  cluster: Cluster,
  join: () => Promise<Herd>,
): Promise<{ readonly joined: Herd; readonly rows: Rows }> {
  const nodes = cluster.nodes.map(({ pid }) => pid)
  const before = held(nodes, [])
  const startedMs = performance.now()
  const joined = await join()
  const tookMs = performance.now() - startedMs
  await pause(CALM_MS)
  const after = held(nodes, joined.pids)
  const perClient = (of: keyof Held): string =>
    `${((after[of] - before[of]) / joined.size / 1024).toFixed(1)} KiB`
  return {
    joined,
    rows: [
      ['connected within', `${seconds(tookMs)}, ${Math.round(joined.size / (tookMs / 1000))} in a second`],
      ['memory of the nodes for each connection', perClient('nodes')],
      ['memory of the kernel for each connection, both ends', perClient('kernel')],
      ['memory of the clients’ own processes for each', perClient('clients')],
    ],
  }
}
