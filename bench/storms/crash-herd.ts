/**
 * One of three nodes is killed, and its clients come back all at once to the others. Counted: how long until everybody
 * is back, how fast the survivors let them in, and what those noticed who never moved.
 *
 *   npm run storm -- crash-herd [--clients 6000] [--publishes 500]
 */
import { startHaProxy } from './parts/haproxy.ts'
import { latencyOf, p99Ms } from './parts/latency.ts'
import { percentiles, printTable, type StormOptions } from './parts/report.ts'
import { createClient } from '../../src/client/node.ts'
import { Fleet, type FleetNode } from '../../test/support/fleet.ts'

const CONNECTIONS_PER_SECOND = 200
const CHANNELS = 50
const CALM_MS = 8000
const BACK_WITHIN_MS = 20_000
const SAMPLE_MS = 1000
const LATENCY_RATIO_MAX = 2

interface Herdling {
  readonly nodes: string[]
  connected: boolean
  close(): void
}

export async function crashHerd({ clients = 6000, publishes = 500 }: StormOptions): Promise<boolean> {
  const fleet = await Fleet.start({
    nodes: 3,
    settings: {
      admission: { connectionsPerSecond: CONNECTIONS_PER_SECOND, burst: CONNECTIONS_PER_SECOND },
    },
  })
  const proxy = await startHaProxy(fleet.nodes)
  const latencies = { before: [] as number[], after: [] as number[] }
  let killed: string | undefined
  const herd = await Promise.all(
    Array.from({ length: clients }, async (_, index): Promise<Herdling> => {
      const token = await fleet.token(`user-${index}`)
      const client = createClient({ url: `ws://127.0.0.1:${proxy.port}/v1/ws`, token })
      const one: Herdling = { nodes: [], connected: false, close: () => client.close() }
      client.on('error', () => undefined)
      client.on('welcome', ({ node }) => one.nodes.push(node))
      client.on('state', ({ state }) => (one.connected = state === 'connected'))
      client.subscribe(`room:${index % CHANNELS}`, ({ time }) => {
        // Who has to move is late for that reason.
        if (one.nodes.length > 1) return
        if (killed === undefined) latencies.before.push(Date.now() - time)
        else if (one.nodes[0] !== killed) latencies.after.push(Date.now() - time)
      })
      await client.connect()
      return one
    }),
  )
  const survivors = fleet.nodes.slice(1)
  const publishing = setInterval(() => {
    const room = Math.floor(Math.random() * CHANNELS)
    // A publish that fails is no part of what is measured here.
    survivors[room % 2]
      ?.api('POST', '/v1/publish', { channel: `room:${room}`, data: 'x'.repeat(100) })
      .catch(() => undefined)
  }, 1000 / publishes)
  // Until those who have just come are served.
  await pause(CALM_MS)
  const atFirst = await Promise.all(survivors.map(latencyOf))
  await pause(CALM_MS)
  const calm = await Promise.all(survivors.map(latencyOf))

  const [victim] = fleet.nodes as readonly [FleetNode, ...FleetNode[]]
  killed = await idOf(victim)
  const orphans = herd.filter(({ nodes }) => nodes.at(-1) === killed).length
  let fastest = 0
  const sampling = watchRates(survivors, (rate) => (fastest = Math.max(fastest, rate)))
  const startedMs = performance.now()
  await victim.kill()
  // Until everybody has noticed and is back.
  while (performance.now() - startedMs < BACK_WITHIN_MS * 2) {
    await pause(100)
    if (herd.every(({ connected, nodes }) => connected && nodes.at(-1) !== killed)) break
  }
  const backMs = performance.now() - startedMs
  await pause(1000)
  const stormy = await Promise.all(survivors.map(latencyOf))
  clearInterval(publishing)
  clearInterval(sampling)
  const before = p99Ms(atFirst, calm)
  const after = p99Ms(calm, stormy)
  const ratio = after / before
  printTable([
    ['clients', String(clients)],
    ['of the killed node', String(orphans)],
    ['everybody back after', `${(backMs / 1000).toFixed(1)} s`],
    ['allowed connects per second and node', String(CONNECTIONS_PER_SECOND)],
    ['most in a second', fastest.toFixed(0)],
    ['accepted to written at the survivors, p99 before', `${before.toFixed(2)} ms`],
    ['… and while the herd came', `${after.toFixed(2)} ms`],
    ['ratio', ratio.toFixed(2)],
    ['seen by clients before, p50 / p95 / p99 / max', percentiles(latencies.before)],
    ['… by those who stayed, in the process that plays the herd', percentiles(latencies.after)],
  ])
  for (const one of herd) one.close()
  await proxy.close()
  await fleet.close()
  return (
    backMs <= BACK_WITHIN_MS &&
    // What was saved up while nobody came may go out at once.
    fastest <= CONNECTIONS_PER_SECOND * 2 &&
    ratio <= LATENCY_RATIO_MAX
  )
}

async function idOf(node: FleetNode): Promise<string> {
  const { nodes } = (await (await node.api('GET', '/v1/nodes')).json()) as {
    readonly nodes: readonly { readonly id: string; readonly address: string }[]
  }
  return nodes.find(({ address }) => address.endsWith(`:${node.apiPort}`))?.id as string
}

/** How many sessions each node has begun in each second. */
function watchRates(nodes: readonly FleetNode[], found: (perSecond: number) => void): NodeJS.Timeout {
  const last = new Map<FleetNode, { readonly count: number; readonly ms: number }>()
  return setInterval(() => {
    for (const node of nodes) {
      void begun(node).then((count) => {
        const ms = performance.now()
        const before = last.get(node)
        last.set(node, { count, ms })
        if (before !== undefined) found(((count - before.count) / (ms - before.ms)) * 1000)
      })
    }
  }, SAMPLE_MS)
}

async function begun(node: FleetNode): Promise<number> {
  const results = ['new', 'returned', 'resumed', 'unknown_session']
  const series = results.flatMap((result) =>
    ['websocket', 'sse', 'poll'].map((transport) => `{result="${result}",transport="${transport}"}`),
  )
  const counts = await Promise.all(series.map((labels) => node.metric(`sluice_resumes_total${labels}`)))
  return counts.reduce((sum, count) => sum + count, 0)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
