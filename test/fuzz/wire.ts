/** Bytes as they go over a socket: handshakes, frames and requests, right and wrong, in any pieces. */
import { connect, type Socket } from 'node:net'
import { bytes, cursor, frame, json, mutated, publishBody } from './hostile.ts'
import { API_KEY } from './node-process.ts'
import type { Random } from './random.ts'

const TEXT = 1
const BINARY = 2
/** Continuation, reserved, close, ping, pong, reserved. */
const OTHER_OPCODES = [0, 3, 8, 9, 10, 11]
/** A peer that says nothing for so long has nothing to say: no judgement, only when to go on. The first word takes longer. */
const SILENCE_MS = 30
const FIRST_SILENCE_MS = 500
const GOOD_FRAMES = [
  '{"type":"ping","ref":1}',
  '{"type":"subscribe","ref":2,"channel":"here"}',
  '{"type":"presence","ref":3,"channel":"here"}',
  '{"type":"publish","ref":4,"channel":"chat:1","data":[1]}',
  '{"type":"unsubscribe","ref":5,"channel":"here"}',
]

/** RFC 6455, section 5.2; wrong in its length, its mask or its reserved bits now and then. */
function wireFrame(random: Random, opcode: number, payload: Buffer, last: boolean): Buffer {
  const length = random.oneIn(200) ? random.int(70_000) : payload.length
  const mask = random.oneIn(200) ? undefined : bytes4(random)
  const head =
    length < 126
      ? Buffer.of(0, length)
      : length < 65_536
        ? Buffer.of(0, 126, length >> 8, length & 255)
        : Buffer.of(0, 127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255)
  head[0] = (last ? 0x80 : 0) | (random.oneIn(200) ? 0x40 : 0) | opcode
  if (mask === undefined) return Buffer.concat([head, payload])
  head[1] = (head[1] as number) | 0x80
  const masked = Buffer.from(payload)
  for (let i = 0; i < masked.length; i++) masked[i] = (masked[i] as number) ^ (mask[i % 4] as number)
  return Buffer.concat([head, mask, masked])
}

function bytes4(random: Random): Buffer {
  return Buffer.of(random.int(256), random.int(256), random.int(256), random.int(256))
}

/** One message: whole, or in fragments with a ping between them. */
export function wireMessage(random: Random): Buffer {
  const opcode = random.oneIn(15) ? random.pick(OTHER_OPCODES) : random.oneIn(6) ? BINARY : TEXT
  const payload =
    opcode === TEXT || opcode === BINARY
      ? Buffer.from(random.oneIn(2) ? random.pick(GOOD_FRAMES) : frame(random))
      : bytes(random, random.oneIn(5) ? 200 : 125)
  if (opcode > BINARY || random.oneIn(3)) return wireFrame(random, opcode, payload, true)
  const parts: Buffer[] = []
  for (let at = 0; ;) {
    const end = at + 1 + random.int(Math.max(1, payload.length))
    parts.push(wireFrame(random, at === 0 ? opcode : 0, payload.subarray(at, end), end >= payload.length))
    if (end >= payload.length) break
    if (random.oneIn(4)) parts.push(wireFrame(random, 9, Buffer.of(), true))
    at = end
  }
  return Buffer.concat(parts)
}

export function rightFrame(random: Random, text: string): Buffer {
  const mask = bytes4(random)
  const payload = Buffer.from(text)
  const masked = payload.map((byte, i) => byte ^ (mask[i % 4] as number))
  return Buffer.concat([Buffer.of(0x81, 0x80 | 126, payload.length >> 8, payload.length & 255), mask, masked])
}

export function handshake(random: Random): string {
  const right =
    'GET /v1/ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sluice.v1\r\n\r\n'
  return random.oneIn(6) ? mutated(random, right) : right
}

const PATHS = [
  '/v1/sse?channels=a&token=TOKEN',
  '/v1/poll?channels=a,b&wait=0&token=TOKEN&cursor=CURSOR',
  '/v1/ws',
  '/',
  '/%',
  '/v1/../x',
]
const API_PATHS = [
  '/v1/publish',
  '/v1/publish',
  '/v1/publish',
  '/v1/publish',
  '/v1/channels/a',
  '/v1/nodes',
  '/metrics',
  '/v1/users/%40/revoke',
  '/readyz',
  '/v1/nodes/x/drain',
]

/** Half a character has no bytes. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString()
}

/** A request to one of the two listeners, and now and then a second one behind it. */
export function httpRequest(random: Random, listener: 'public' | 'api', token: string): string {
  const path = random
    .pick(listener === 'public' ? PATHS : API_PATHS)
    .replace('TOKEN', token)
    .replace('CURSOR', () => encodeURIComponent(wellFormed(cursor(random, 'AbCdEfGh'))))
  const body = listener === 'api' ? (random.oneIn(3) ? json(random) : publishBody(random)) : ''
  const method = random.oneIn(8)
    ? random.pick(['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST'])
    : path === '/v1/publish' || path.endsWith('drain')
      ? 'POST'
      : 'GET'
  const length = random.oneIn(20) ? random.int(1000) : Buffer.byteLength(body)
  const headers = [
    'Host: a',
    ...(method === 'POST' ? [`Content-Length: ${length}`] : []),
    ...(random.oneIn(10) ? [] : [`Authorization: Bearer ${listener === 'api' ? API_KEY : token}`]),
    ...(random.oneIn(5)
      ? [`Last-Event-ID: ${mutated(random, '1~AbCdEfGh1.e~AbCdEfGh').replaceAll(/[\r\n]/g, '')}`]
      : []),
    ...(random.oneIn(5) ? ['Accept: text/event-stream'] : []),
    ...(random.oneIn(8) ? [`X-Forwarded-For: ${json(random).replaceAll(/[\r\n]/g, '')}`] : []),
    ...(random.oneIn(20) ? [`X-Pad: ${'x'.repeat(random.int(20_000))}`] : []),
  ]
  const request = `${method} ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n${method === 'POST' ? body : ''}`
  const whole = random.oneIn(3) ? mutated(random, request) : request
  return random.oneIn(10) ? whole + whole : whole
}

/** A connection that ends itself when nothing comes any more; what is behind the first part waits for an answer. Answers what came. */
export async function exchange(
  port: number,
  random: Random,
  first: string,
  rest: readonly Buffer[] = [],
): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1')
  const received: Buffer[] = []
  const closed = new Promise((resolve) => socket.once('close', resolve))
  const answered = new Promise((resolve) => socket.once('data', resolve))
  socket.on('data', (chunk) => {
    received.push(chunk)
    socket.setTimeout(SILENCE_MS)
  })
  socket.on('timeout', () => socket.destroy())
  // Being cut off is an answer.
  socket.on('error', () => undefined)
  socket.setNoDelay(true)
  await writeInPieces(socket, random, Buffer.from(first))
  socket.setTimeout(FIRST_SILENCE_MS)
  if (rest.length > 0) {
    await Promise.race([answered, closed])
    await writeInPieces(socket, random, Buffer.concat(rest))
    socket.setTimeout(FIRST_SILENCE_MS)
  }
  if (random.oneIn(6)) socket.destroy()
  else if (random.oneIn(4)) socket.end()
  await closed
  return Buffer.concat(received)
}

/** Each piece in a segment of its own, as far as the kernel goes along. */
async function writeInPieces(socket: Socket, random: Random, whole: Buffer): Promise<void> {
  let pieces = random.oneIn(2) ? 1 : 2 + random.int(6)
  for (let at = 0; at < whole.length && !socket.destroyed;) {
    const end = --pieces > 0 ? at + 1 + random.int(whole.length - at) : whole.length
    socket.write(whole.subarray(at, end))
    await new Promise((resolve) => setImmediate(resolve))
    at = end
  }
}
