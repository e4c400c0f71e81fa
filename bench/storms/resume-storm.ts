/**
 * Ten thousand clients resume a hundred channels at a node that knows none of them. Counted: reads of the log, and what
 * the clients got.
 *
 *   npm run storm -- resume-storm [--clients 10000]
 */
import WebSocket from 'ws'
import { printTable, type StormOptions } from './parts/report.ts'
import { Fleet, type FleetNode } from '../../test/support/fleet.ts'

const CHANNELS = 100
const MISSED = 50
const OPENING_AT_ONCE = 200
const CLIENTS_MAX = 10_000
const READS_MAX = 200
const SETTLE_MS = 60_000

interface Position {
  readonly epoch: string
  readonly offset: number
}

export async function resumeStorm({ clients = 10_000 }: StormOptions): Promise<boolean> {
  const fleet = await Fleet.start({
    nodes: 2,
    settings: {
      admission: { connectionsPerSecond: 0 },
      // Shorter than what was missed: it has to come from the log.
      feeds: { tailMessages: 64, headCheck: '1h' },
    },
  })
  const [publishing, resumed] = fleet.nodes as readonly [FleetNode, FleetNode]
  const count = Math.min(clients, CLIENTS_MAX)
  const channels = Array.from({ length: CHANNELS }, (_, index) => `room:${index}`)
  const positions = await Promise.all(channels.map((channel) => positionOf(publishing, channel)))
  for (let number = 0; number < MISSED; number++) {
    await publishing.api(
      'POST',
      '/v1/publish',
      channels.map((channel) => ({ channel, data: number })),
    )
  }
  const tokens = await Promise.all(Array.from({ length: count }, (_, index) => fleet.token(`user-${index}`)))
  let got = 0
  let disordered = 0
  let resets = 0
  const sockets: WebSocket[] = []
  const open = (index: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const channel = channels[index % CHANNELS] as string
      const socket = new WebSocket(`ws://127.0.0.1:${resumed.port}/v1/ws`, 'sluice.v1')
      let next = 0
      sockets.push(socket)
      socket.on('error', reject)
      socket.on('open', () => {
        const resume = { [channel]: positions[index % CHANNELS] }
        socket.send(JSON.stringify({ type: 'connect', token: tokens[index], resume }))
      })
      // oxlint-disable-next-line typescript/no-base-to-string -- a text frame's Buffer
      socket.on('message', (bytes) => {
        // oxlint-disable-next-line typescript/no-base-to-string -- a text frame's Buffer
        const frame = JSON.parse(bytes.toString()) as { readonly type: string; readonly data: number }
        if (frame.type === 'welcome') resolve()
        if (frame.type === 'reset') resets++
        if (frame.type !== 'message') return
        got++
        if (frame.data !== next++) disordered++
      })
    })
  const before = await readsOf(resumed)
  const startedMs = performance.now()
  let opened = 0
  const worker = async (): Promise<void> => {
    while (opened < count) await open(opened++)
  }
  await Promise.all(Array.from({ length: OPENING_AT_ONCE }, worker))
  const untilMs = performance.now() + SETTLE_MS
  while (got < count * MISSED && performance.now() < untilMs)
    await new Promise((resolve) => setTimeout(resolve, 100))
  const tookMs = performance.now() - startedMs
  const reads = (await readsOf(resumed)) - before
  printTable([
    ['clients', String(count)],
    ['channels', String(CHANNELS)],
    ['missed by each', String(MISSED)],
    ['messages expected', String(count * MISSED)],
    ['messages shown', String(got)],
    ['out of order', String(disordered)],
    ['resets', String(resets)],
    ['reads of the log for channels', String(reads)],
    ['all of it took', `${(tookMs / 1000).toFixed(1)} s`],
  ])
  for (const socket of sockets) socket.terminate()
  await fleet.close()
  return got === count * MISSED && disordered === 0 && resets === 0 && reads <= READS_MAX
}

async function positionOf(node: FleetNode, channel: string): Promise<Position> {
  const answer = (await (await node.api('GET', `/v1/channels/${channel}`)).json()) as {
    readonly position: Position
  }
  return answer.position
}

/** Without those that look for the head of each user's own inbox: there are as many of them as users. */
async function readsOf(node: FleetNode): Promise<number> {
  const counts = await Promise.all(
    ['join', 'repair', 'catch_up', 'last'].map((why) => node.metric(`sluice_log_reads_total{why="${why}"}`)),
  )
  return counts.reduce((sum, one) => sum + one, 0)
}
