/**
 * Every node of a loaded cluster is replaced, one after the other, and what clients noticed is counted.
 *
 *   npm run storm -- rolling-deploy [--clients 3000] [--publishes 500] [--nodes 3]
 *
 * Real processes: the nodes, nats-server, redis-server, HAProxy in TCP mode. Ends with 1 where a promise was broken.
 */
import { startHaProxy } from './haproxy.ts'
import { percentiles, printTable, type StormOptions } from './report.ts'
import { Fleet, type FleetNode } from '../../test/support/fleet.ts'
import { Traffic } from '../../test/support/traffic.ts'

const CALM_MS = 3000
const SETTLE_MS = 60_000

export async function rollingDeploy({ clients = 3000, publishes, nodes }: StormOptions): Promise<boolean> {
  const fleet = await Fleet.start({
    nodes: nodes * 2,
    started: nodes,
    settings: {
      node: { version: '1.0' },
      drain: { plan: '10%/1s', deregisterDelay: '1s', grace: '6s' },
      namespaces: { '*': { max: 10_000 }, '@': { max: 1000 } },
    },
  })
  const proxy = await startHaProxy(fleet.nodes)
  const old = fleet.nodes.slice(0, nodes)
  const fresh = fleet.nodes.slice(nodes)
  const traffic = await Traffic.start(fleet, {
    clients,
    channels: Array.from({ length: 100 }, (_, index) => `room:${index}`),
    // Two publishers, over HTTP and over NATS.
    perSecond: publishes / 2,
    port: proxy.port,
    kinds: ['sdk', 'sse', 'websocket'],
    channelsPerClient: 1,
    inboxEvery: 10,
  })
  const exits: (number | null)[] = []
  try {
    await pause(CALM_MS)
    for (const [index, node] of old.entries()) {
      const successor = fresh[index] as FleetNode
      await successor.start({ node: { version: '1.1' } })
      const startedMs = performance.now()
      exits.push(await node.stop())
      console.log(`node ${index + 1} of ${nodes} was replaced in ${seconds(performance.now() - startedMs)}`)
    }
    await pause(CALM_MS)
    await traffic.stopPublishing()
    await settled(traffic)
  } finally {
    await proxy.close()
  }
  const tally = traffic.tally()
  const sdk = traffic.journeys('sdk')
  const movesPerClient = sdk.moves / sdk.clients
  printTable([
    ['clients', String(clients)],
    ['published', String(tally.published)],
    ['publishes repeated', String(traffic.retries)],
    ['deliveries expected', String(tally.expected)],
    ['shown', String(tally.shown)],
    ['lost', String(tally.lost)],
    ['shown twice', String(tally.twice)],
    ['out of order', String(tally.outOfOrder)],
    ['resets', String(tally.resets)],
    ['SDK: gaps', String(sdk.gapsMs.length)],
    ['SDK: moves per client', movesPerClient.toFixed(2)],
    ['EventSource: gap p50 / p95 / p99 / max', percentiles(traffic.journeys('sse').gapsMs)],
    ['plain WebSocket: gap p50 / p95 / p99 / max', percentiles(traffic.journeys('websocket').gapsMs)],
    ['exit codes', exits.join(', ')],
  ])
  await traffic.close()
  await fleet.close()
  return (
    tally.lost + tally.twice + tally.outOfOrder + tally.resets + sdk.gapsMs.length === 0 &&
    movesPerClient <= 1.1 &&
    exits.every((code) => code === 0)
  )
}

async function settled(traffic: Traffic): Promise<void> {
  const untilMs = performance.now() + SETTLE_MS
  while (traffic.missing > 0 && performance.now() < untilMs) await pause(500)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
