/** Bytes arrive in any pieces: every request and every frame, cut at every place, and one byte at a time. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MESSAGE } from './http-case.ts'
import { UNHURRIED } from './unhurried.ts'
import { BINARY } from './websocket-cases.ts'
import { PING } from './websocket-case.ts'
import { connected, frameOf, HANDSHAKE, WireSocket } from './wire-socket.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

let node: StartedNode
let token: string
beforeAll(async () => {
  node = await startNode({ ...UNHURRIED, namespaces: { '*': { clientPublish: 'fanout' } } })
  token = await node.token('wire')
})
afterAll(() => node.close())

/** One cut at each place, and all of them at once. */
function cutsOf(bytes: Buffer): Buffer[][] {
  const places = Array.from({ length: bytes.length - 1 }, (_, index) => index + 1)
  return [
    ...places.map((at) => [bytes.subarray(0, at), bytes.subarray(at)]),
    [...bytes].map((byte) => Buffer.from([byte])),
  ]
}

interface Request {
  readonly name: string
  readonly to: 'public' | 'api'
  readonly text: () => string
  readonly answered: RegExp
}

const REQUESTS: readonly Request[] = [
  {
    name: 'a publish',
    to: 'api',
    text: () =>
      `POST /v1/publish HTTP/1.1\r\nHost: x\r\nX-Api-Key: ${node.apiKey}\r\nContent-Length: 24\r\n\r\n${MESSAGE}`,
    answered: /^HTTP\/1\.1 200 [^]*"offset":\d+\}$/,
  },
  {
    name: 'a publish in chunks',
    to: 'api',
    text: () =>
      `POST /v1/publish HTTP/1.1\r\nHost: x\r\nX-Api-Key: ${node.apiKey}\r\nTransfer-Encoding: chunked\r\n\r\n18\r\n${MESSAGE}\r\n0\r\n\r\n`,
    answered: /^HTTP\/1\.1 200 [^]*"offset":\d+\}$/,
  },
  {
    name: 'a poll',
    to: 'public',
    text: () => `GET /v1/poll?channels=c&wait=0&token=${token} HTTP/1.1\r\nHost: x\r\n\r\n`,
    answered: /^HTTP\/1\.1 200 [^]*"cursor":"[^"]+"\}$/,
  },
  {
    name: 'a stream',
    to: 'public',
    text: () =>
      `GET /v1/sse?channels=c HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    answered: /^HTTP\/1\.1 200 [^]*retry: \d+\n/,
  },
  { name: 'a handshake', to: 'public', text: () => HANDSHAKE, answered: /^HTTP\/1\.1 101 [^]*\r\n\r\n$/ },
]

describe('a request cut at every place is answered', () => {
  it.each(REQUESTS)('$name', async ({ to, text, answered }) => {
    for (const pieces of cutsOf(Buffer.from(text()))) {
      const socket = await WireSocket.open(to === 'public' ? node.port : node.apiPort)
      await socket.pieces(pieces)
      await socket.until(answered)
      socket.close()
    }
  })
})

const FRAMES: readonly (readonly [name: string, bytes: Buffer, answered: RegExp])[] = [
  ['a short text', frameOf(1, PING), /^\{"type":"pong","ref":7\}$/],
  [
    'a text with a length of 16 bits',
    frameOf(1, PING.replace('}', `${' '.repeat(150)}}`)),
    /^\{"type":"pong","ref":7\}$/,
  ],
  ['a binary publish', frameOf(2, BINARY), /^\{"type":"published","ref":7,/],
  [
    'a message in two parts',
    Buffer.concat([frameOf(1, PING.slice(0, 9), { fin: false }), frameOf(0, PING.slice(9))]),
    /^\{"type":"pong","ref":7\}$/,
  ],
  ['a ping of WebSocket', frameOf(9, 'are you there?'), /^are you there\?$/],
]

describe('a frame cut at every place is answered', () => {
  it.each(FRAMES)('%s', async (_name, bytes, answered) => {
    const socket = await connected(node.port, token)
    for (const pieces of cutsOf(bytes)) {
      await socket.pieces(pieces)
      expect((await socket.frame()).payload.toString()).toMatch(answered)
    }
    socket.close()
  })

  it('a long text with a length of 64 bits, at the places of its head', async () => {
    const socket = await connected(node.port, token)
    const text = PING.replace('}', `${' '.repeat(65_000)}}`)
    // Said in eight bytes although two would do, so that it stays within the limit of a frame.
    const head = Buffer.from([129, 255, 0, 0, 0, 0, 0, 0, text.length >> 8, text.length & 255, 0, 0, 0, 0])
    const bytes = Buffer.concat([head, Buffer.from(text)])
    for (let at = 1; at <= head.length + 1; at++) {
      await socket.pieces([bytes.subarray(0, at), bytes.subarray(at)])
      expect((await socket.frame()).payload.toString()).toBe('{"type":"pong","ref":7}')
    }
    socket.close()
  })
})
