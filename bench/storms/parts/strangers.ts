/**
 * Connections that end at any moment, and readers that stop reading and go on: of each transport, under each policy for slow clients. What
 * they ask for is right; when they go is not. The fuzz program does the opposite.
 */
import { connect, type Socket } from 'node:net'
import { Random } from '../../../test/fuzz/random.ts'
import { rightFrame } from '../../../test/fuzz/wire.ts'
import type { FleetNode } from '../../../test/support/fleet.ts'

/** By what becomes of who does not read them fast enough. */
export const SLOW_NAMESPACES = {
  cut: { slowConsumer: 'disconnect' },
  newest: { slowConsumer: 'conflate' },
  short: { max: 5 },
} as const
const CHANNELS = Object.keys(SLOW_NAMESPACES).map((namespace) => `${namespace}:1`)

/** Enough of them fill what the kernel keeps for a reader. */
const PAYLOAD = 'x'.repeat(60_000)
const PUBLISHERS = 2
const CONNECTIONS = 48
const PAUSE_MS_MAX = 2500
const PATIENCE_MS = 1500

export interface Strangers {
  /** Nobody new comes; resolves with how many there were. */
  end(): Promise<number>
}

/** To a node on loopback, until they are ended. `token` may be on all channels. */
export function strangers(node: FleetNode, token: string, seed: number): Strangers {
  let goesOn = true
  let count = 0
  const random = new Random(seed)
  const whileWanted = async (run: (own: Random) => Promise<void>): Promise<void> => {
    while (goesOn) await run(new Random(random.next()))
  }
  const all = [
    ...Array.from({ length: PUBLISHERS }, () => whileWanted((own) => publish(node, own))),
    ...Array.from({ length: CONNECTIONS }, () =>
      whileWanted(async (own) => {
        await connection(node, token, own)
        count++
      }),
    ),
  ]
  return {
    async end() {
      goesOn = false
      await Promise.all(all)
      return count
    },
  }
}

/** Refused or not: others ask whether the node serves. */
async function publish(node: FleetNode, random: Random): Promise<void> {
  const message = { channel: random.pick(CHANNELS), data: random.oneIn(4) ? 1 : PAYLOAD }
  await node.api('POST', '/v1/publish', message).catch(() => undefined)
}

async function connection(node: FleetNode, token: string, random: Random): Promise<void> {
  const toApi = random.oneIn(4)
  const port = toApi ? node.apiPort : node.port
  // From many addresses: what is tried is what becomes of those who were let in.
  const localAddress = `127.0.5.${1 + random.int(250)}`
  const socket = connect({ host: '127.0.0.1', port, localAddress, noDelay: true })
  socket.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const within = async (ms: number, event?: Promise<unknown>): Promise<void> => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))
    await Promise.race([closed, late, ...(event === undefined ? [] : [event])])
    clearTimeout(timer)
  }
  const answered = new Promise((resolve) => socket.once('data', resolve))
  for (const request of toApi ? ofBackend(node, random) : ofClient(token, random)) {
    // In the middle of it, or of the answer.
    if (random.oneIn(10)) return leave(socket, random, closed)
    socket.write(request)
    if (random.oneIn(3)) return leave(socket, random, closed)
    await within(PATIENCE_MS, answered)
  }
  socket.pause()
  await within(random.int(PAUSE_MS_MAX))
  socket.resume()
  // What is read now has waited: something is written behind it in that moment.
  await within(random.oneIn(2) ? 0 : PATIENCE_MS)
  return leave(socket, random, closed)
}

function leave(socket: Socket, random: Random, closed: Promise<void>): Promise<void> {
  if (random.oneIn(3)) socket.destroy()
  else socket.resetAndDestroy()
  return closed
}

function ofBackend(node: FleetNode, random: Random): string[] {
  const key = `Authorization: Bearer ${node.apiKey}\r\n`
  const body = JSON.stringify({ channel: random.pick(CHANNELS), data: 1 })
  return random.pick([
    [head('GET', `/v1/channels/${random.pick(CHANNELS)}/tail`, key)],
    [head('GET', '/v1/watch', key)],
    // The answer to the first waits for the end of the turn when the second is there.
    [head('POST', '/v1/publish', `${key}Content-Length: ${body.length}\r\n`) + body],
    [head('POST', '/v1/publish', `${key}Content-Length: ${body.length}\r\n`), body],
  ])
}

function ofClient(token: string, random: Random): (string | Buffer)[] {
  const channels = random.oneIn(2) ? CHANNELS : [random.pick(CHANNELS)]
  const query = `channels=${channels.join(',')}&token=${token}`
  const frames = [
    { type: 'connect', token },
    ...channels.map((channel, ref) => ({ type: 'subscribe', ref, channel, from: { last: 100 } })),
  ]
  return random.pick([
    [head('GET', `/v1/sse?${query}`)],
    [head('GET', `/v1/poll?${query}&wait=1`)],
    [head('GET', `/streams/${random.pick(CHANNELS)}?offset=-1&live=sse`)],
    [
      head(
        'GET',
        '/v1/ws',
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
      ),
      Buffer.concat(frames.map((frame) => rightFrame(random, JSON.stringify(frame)))),
    ],
  ])
}

function head(method: string, path: string, lines = ''): string {
  return `${method} ${path} HTTP/1.1\r\nHost: x\r\n${lines}\r\n`
}
