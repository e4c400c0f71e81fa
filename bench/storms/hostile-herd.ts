/**
 * Twenty times the admission rate from a few addresses, and bad tokens from many, against a node with clients on it.
 * Counted: what the clients notice, and whether good newcomers still get in. Then strangers who are let in, leave at any moment and stop
 * reading: what they leave behind.
 *
 *   npm run storm -- hostile-herd [--clients 300] [--publishes 500]
 */
import { connect } from 'node:net'
import WebSocket from 'ws'
import { latencyOf, p99Ms } from './parts/latency.ts'
import { percentiles, printTable, type StormOptions } from './parts/report.ts'
import { SLOW_NAMESPACES, strangers } from './parts/strangers.ts'
import type { WebSocketConstructor } from '../../src/client/index.ts'
import { createClient } from '../../src/client/node.ts'
import { Fleet, type FleetNode } from '../../test/support/fleet.ts'

const CONNECTIONS_PER_SECOND = 100
const PER_ADDRESS_PER_SECOND = 10
const FLOOD_FACTOR = 20
const FLOOD_ADDRESSES = 5
const BAD_TOKENS_PER_SECOND = 30
const NEWCOMERS_PER_SECOND = 4
const PHASE_MS = 8000
const CLIENTS_MAX = 300
/** Who attacks runs on the same two cores. */
const LATENCY_RATIO_MAX = 3

export async function hostileHerd({ clients = 300, publishes = 500 }: StormOptions): Promise<boolean> {
  const fleet = await Fleet.start({
    nodes: 1,
    settings: {
      admission: {
        connectionsPerSecond: CONNECTIONS_PER_SECOND,
        burst: CONNECTIONS_PER_SECOND,
        queue: 500,
        perAddressPerSecond: PER_ADDRESS_PER_SECOND,
        perAddressBurst: PER_ADDRESS_PER_SECOND,
      },
      namespaces: SLOW_NAMESPACES,
      dialects: { durableStreams: { public: ['*'] } },
    },
  })
  const [node] = fleet.nodes as readonly [FleetNode]
  const established = Math.min(clients, CLIENTS_MAX)
  const herd = await Promise.all(
    Array.from({ length: established }, async (_, index) => {
      const client = createClient({
        url: `ws://127.0.0.1:${node.port}/v1/ws`,
        token: await fleet.token(`user-${index}`),
        WebSocket: fromAddress(`127.0.3.${(index % 250) + 1}`),
      })
      let lost = 0
      client.on('error', () => undefined)
      client.on('state', ({ state }) => {
        if (state === 'waiting') lost++
      })
      client.subscribe('room', () => undefined)
      await client.connect()
      return {
        close: () => client.close(),
        lost: () => lost,
        connected: () => Number(client.state === 'connected'),
      }
    }),
  )
  const lostBefore = sum(herd.map(({ lost }) => lost()))
  const publishing = setInterval(() => {
    // A publish that fails is no part of what is measured here.
    node.api('POST', '/v1/publish', { channel: 'room', data: 'x'.repeat(100) }).catch(() => undefined)
  }, 1000 / publishes)
  const first = await latencyOf(node)
  await pause(PHASE_MS)
  const calm = await latencyOf(node)

  const attempts = { flood: 0, badTokens: 0 }
  const badTokenCodes = new Map<number, number>()
  const cameInMs: number[] = []
  let newcomers = 0
  const attack = [
    every(CONNECTIONS_PER_SECOND * FLOOD_FACTOR, () => {
      knock(node.port, `127.0.1.${(attempts.flood++ % FLOOD_ADDRESSES) + 1}`)
    }),
    every(BAD_TOKENS_PER_SECOND, () => {
      const socket = new WebSocket(`ws://127.0.0.1:${node.port}/v1/ws`, 'sluice.v1', {
        localAddress: `127.0.2.${(attempts.badTokens++ % 250) + 1}`,
      })
      socket.on('open', () => socket.send('{"type":"connect","token":"ey.not.one"}'))
      socket.on('error', () => undefined)
      socket.on('close', (code) => badTokenCodes.set(code, (badTokenCodes.get(code) ?? 0) + 1))
    }),
    every(NEWCOMERS_PER_SECOND, () => {
      const index = newcomers++
      const startedMs = performance.now()
      void fleet.token(`newcomer-${index}`).then((token) => {
        const client = createClient({
          url: `ws://127.0.0.1:${node.port}/v1/ws`,
          token,
          WebSocket: fromAddress(`127.0.4.${(index % 250) + 1}`),
        })
        client.on('error', () => undefined)
        void client.connect().then(() => {
          cameInMs.push(performance.now() - startedMs)
          client.close()
        })
      })
    }),
  ]
  await pause(PHASE_MS)
  for (const timer of attack) clearInterval(timer)
  const stormy = await latencyOf(node)
  const waitUntilMs = performance.now() + PHASE_MS
  while (cameInMs.length < newcomers && performance.now() < waitUntilMs) await pause(100)

  const left = await leftBehind(fleet, node, sum(herd.map((one) => one.connected())))
  clearInterval(publishing)

  const before = p99Ms([first], [calm])
  const after = p99Ms([calm], [stormy])
  const lost = sum(herd.map((one) => one.lost())) - lostBefore
  printTable([
    ['established clients', String(established)],
    ['of them disconnected', String(lost)],
    ['attempts of the flood, from 5 addresses', String(attempts.flood)],
    [
      'bad tokens, from many',
      `${attempts.badTokens}; closed with ${[...badTokenCodes].map(([code, count]) => `${code}: ${count}`).join(', ')}`,
    ],
    [
      'refused by the rate of an address',
      String(await node.metric('sluice_refusals_total{reason="address"}')),
    ],
    ['newcomers', String(newcomers)],
    ['of them let in', String(cameInMs.length)],
    ['after p50 / p95 / p99 / max', percentiles(cameInMs)],
    ['accepted to written, p99 before', `${before.toFixed(2)} ms`],
    ['… and during the flood', `${after.toFixed(2)} ms`],
    ['ratio', (after / before).toFixed(2)],
    ['strangers who left at any moment', String(left.strangers)],
    ['slow readers that were cut', String(left.cut)],
    ['faults of the node', String(left.faults)],
    ['connections that it still counts for them', String(left.connections)],
  ])
  for (const one of herd) one.close()
  await fleet.close()
  const served = lost === 0 && cameInMs.length === newcomers && after / before <= LATENCY_RATIO_MAX
  return served && left.faults === 0 && left.connections === 0 && left.cut > 0
}

interface Left {
  readonly strangers: number
  /** By the policy of their namespace. */
  readonly cut: number
  readonly faults: number
  readonly connections: number
}

/** `herd`: how many are connected and stay. */
async function leftBehind(fleet: Fleet, node: FleetNode, herd: number): Promise<Left> {
  const storm = strangers(node, await fleet.token('stranger'), Date.now())
  await pause(PHASE_MS)
  const count = await storm.end()
  const connections = async (): Promise<number> => (await sumOf(node, 'sluice_connections')) - herd
  const waitUntilMs = performance.now() + PHASE_MS
  while ((await connections()) !== 0 && performance.now() < waitUntilMs) await pause(100)
  return {
    strangers: count,
    cut: await node.metric('sluice_slow_consumers_total{policy="disconnect"}'),
    faults: await sumOf(node, 'sluice_faults_total'),
    connections: await connections(),
  }
}

/** Of all series of a metric. */
async function sumOf(node: FleetNode, name: string): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${node.apiPort}/metrics`)).text()
  return sum(
    [...page.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].map(([, value]) => Number(value)),
  )
}

/** An upgrade without a token, from an address of this machine. */
function knock(port: number, localAddress: string): void {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  socket.on('error', () => undefined)
  socket.on('connect', () => {
    socket.end(
      'GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
  })
  socket.resume()
}

function fromAddress(localAddress: string): WebSocketConstructor {
  return class extends WebSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol, { localAddress })
    }
  }
}

/** So often in a second, in as many ticks as a timer can keep. */
function every(perSecond: number, run: () => void): NodeJS.Timeout {
  const ticks = Math.min(perSecond, 50)
  return setInterval(() => {
    for (let i = 0; i < perSecond / ticks; i++) run()
  }, 1000 / ticks)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
