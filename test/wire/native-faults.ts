/**
 * What the native library does otherwise than the RFCs ask for, and what no code above it can mend. Each stands in
 * `docs/wire.md` under its number; where a later binary mends one, its case fails and the line is taken out.
 */
import { PUBLISH, PUBLISHED, type HttpCase } from './http-case.ts'
import { closeFrame, PING, PONG, type FrameCase } from './websocket-case.ts'
import { BINARY } from './websocket-cases.ts'
import { frameOf } from './wire-socket.ts'

export interface NativeFault {
  readonly id: string
  /** As the page says it. */
  readonly what: string
}

export interface HttpFault extends NativeFault {
  /** A node of its own, or one of a cluster of two, where an answer waits for Redis. */
  readonly on: 'node' | 'cluster'
  readonly cases: readonly Omit<HttpCase, 'name'>[]
}

export interface FrameFault extends NativeFault {
  readonly cases: readonly Omit<FrameCase, 'name'>[]
}

const LIVEZ = 'GET /livez HTTP/1.1\r\nHost: x\r\n'
const LENGTH = 'Content-Length: 24\r\n'
const WAITING_POLL = 'GET /v1/poll?channels=quiet&wait=5&token={token} HTTP/1.1\r\nHost: x\r\n\r\n'
const CHUNKED = 'Transfer-Encoding: chunked\r\n'
const unanswered = (send: string, to: 'public' | 'api' = 'api'): Omit<HttpCase, 'name'> => ({
  to,
  send,
  answers: [],
  after: 'closed',
})
const headers = (count: number): string =>
  Array.from({ length: count - 1 }, (_, index) => `X-${index}: 1\r\n`).join('')

export const HTTP_FAULTS: readonly HttpFault[] = [
  {
    id: 'H1',
    what: 'A request behind another one that is not answered yet',
    on: 'cluster',
    cases: [unanswered(`${PUBLISH}${LENGTH}\r\n{message}${PUBLISH}${LENGTH}\r\n{message}`)],
  },
  {
    id: 'H2',
    what: 'The end (FIN) behind a request that is not answered yet',
    on: 'node',
    cases: [{ ...unanswered(WAITING_POLL, 'public'), fin: true }],
  },
  {
    id: 'H3',
    what: 'A target in absolute form, and `OPTIONS *`',
    on: 'node',
    cases: [
      unanswered('GET http://x/livez HTTP/1.1\r\nHost: x\r\n\r\n'),
      unanswered('OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n'),
      unanswered('OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', 'public'),
    ],
  },
  {
    id: 'H4',
    what: 'An empty line before the request line',
    on: 'node',
    cases: [
      unanswered(`\r\n${LIVEZ}\r\n`),
      { to: 'api', send: [`${LIVEZ}\r\n`, `\r\n${LIVEZ}\r\n`], answers: [{ status: 200 }], after: 'closed' },
    ],
  },
  {
    id: 'H5',
    what: 'A folded header line, a space before the colon, or LF alone',
    on: 'node',
    cases: [
      unanswered(`${LIVEZ}X-A: 1\r\n 2\r\n\r\n`),
      unanswered(`${LIVEZ}X-A : 1\r\n\r\n`),
      unanswered('GET /livez HTTP/1.1\nHost: x\n\n'),
    ],
  },
  {
    id: 'H6',
    what: 'More than 48 header lines',
    on: 'node',
    cases: [
      { to: 'api', send: `${LIVEZ}${headers(48)}\r\n`, answers: [{ status: 200 }], after: 'open' },
      unanswered(`${LIVEZ}${headers(49)}\r\n`),
      unanswered(`${LIVEZ}${headers(120)}\r\n`, 'public'),
    ],
  },
  { id: 'H7', what: 'No Host', on: 'node', cases: [unanswered('GET /livez HTTP/1.1\r\nX: y\r\n\r\n')] },
  { id: 'H8', what: 'HTTP/1.0', on: 'node', cases: [unanswered('GET /livez HTTP/1.0\r\nHost: x\r\n\r\n')] },
  {
    id: 'H9',
    what: 'A chunk with an extension',
    on: 'node',
    cases: [unanswered(`${PUBLISH}${CHUNKED}\r\n18;a=b\r\n{message}\r\n0\r\n\r\n`)],
  },
  {
    id: 'H10',
    what: 'A chunk size that is none, a length that is no number, a length beside chunks',
    on: 'node',
    cases: [
      unanswered(`${PUBLISH}${CHUNKED}\r\nzz\r\n{message}\r\n0\r\n\r\n`),
      unanswered(`${PUBLISH}${CHUNKED}\r\nffffffffffffffff\r\n{message}\r\n0\r\n\r\n`),
      unanswered(`${PUBLISH}Content-Length: 2x\r\n\r\n{message}`),
      unanswered(`${PUBLISH}Content-Length: 24, 24\r\n\r\n{message}`),
      unanswered(`${PUBLISH}${LENGTH}${CHUNKED}\r\n18\r\n{message}\r\n0\r\n\r\n`),
    ],
  },
  {
    id: 'H11',
    what: 'A trailer behind the chunks that no `Trailer` header announces',
    on: 'node',
    cases: [
      {
        to: 'api',
        send: [`${PUBLISH}${CHUNKED}\r\n18\r\n{message}\r\n0\r\nX-Sum: 1\r\n\r\n`, `${LIVEZ}\r\n`],
        answers: [PUBLISHED],
        after: 'closed',
      },
    ],
  },
  {
    id: 'H12',
    what: 'A connection that is idle between two requests for 10 s',
    on: 'node',
    cases: [{ to: 'api', send: `${LIVEZ}\r\n`, answers: [{ status: 200 }], after: 'closed' }],
  },
]

const JOINED = [1, /"ref":7,"code":"forbidden"/] as const

export const FRAME_FAULTS: readonly FrameFault[] = [
  {
    id: 'W1',
    what: 'The bit that says that a frame is masked',
    cases: [
      {
        send: [
          frameOf(1, Buffer.concat([Buffer.alloc(4), Buffer.from(PING)]), {
            masked: false,
            length: PING.length,
          }),
        ],
        answers: [PONG],
        after: 'open',
      },
    ],
  },
  {
    id: 'W2',
    what: 'A binary frame inside an unfinished binary message',
    cases: [
      {
        send: [frameOf(2, BINARY.subarray(0, 9), { fin: false }), frameOf(2, BINARY.subarray(9))],
        answers: [JOINED],
        after: 'open',
      },
    ],
  },
  {
    id: 'W3',
    what: 'Reserved bits and opcodes, control frames in parts or over 125 bytes, a part of no message, a text inside an unfinished message',
    cases: [
      ...[64, 32, 16].map((reserved): Omit<FrameCase, 'name'> => ({
        send: [frameOf(1, PING, { reserved })],
        after: 'cut',
      })),
      ...[3, 7, 11, 15].map((opcode): Omit<FrameCase, 'name'> => ({
        send: [frameOf(opcode, PING)],
        after: 'cut',
      })),
      { send: [frameOf(9, 'x', { fin: false })], after: 'cut' },
      { send: [frameOf(9, 'x'.repeat(126))], after: 'cut' },
      { send: [frameOf(0, PING)], after: 'cut' },
      { send: [frameOf(1, PING.slice(0, 9), { fin: false }), frameOf(1, PING.slice(9))], after: 'cut' },
      { send: [frameOf(2, 'x', { fin: false }), frameOf(1, PING)], after: 'cut' },
    ],
  },
  {
    id: 'W4',
    what: 'A text that is not UTF-8',
    cases: [
      { send: [frameOf(1, Buffer.from([0x7b, 0xff, 0x7d]))], after: 'cut' },
      {
        send: [frameOf(1, Buffer.from([0x7b, 0xc3]), { fin: false }), frameOf(0, Buffer.from([0x28, 0x7d]))],
        after: 'cut',
      },
    ],
  },
  {
    id: 'W5',
    what: 'A frame that is more than 16 KiB over `limits.frame`',
    cases: [{ send: [frameOf(1, '', { length: 65_536 + 16_385 })], after: 'cut' }],
  },
  {
    id: 'W6',
    what: 'A close with a code from 1012 to 1014 or from 3000 to 3999',
    cases: [1012, 1013, 1014, 3000, 3999].map((code) => ({
      send: [closeFrame(code)],
      after: 'none' as const,
    })),
  },
  {
    id: 'W7',
    what: 'A close whose code or reason is not allowed',
    cases: [
      ...[999, 1004, 1005, 1006, 1015, 2000, 5000].map((code) => ({
        send: [closeFrame(code)],
        after: 'none' as const,
      })),
      { send: [frameOf(8, 'x')], after: 'none' },
      { send: [closeFrame(1000, Buffer.from([0xff]))], after: 'none' },
    ],
  },
]

export const NATIVE_FAULTS: readonly NativeFault[] = [...HTTP_FAULTS, ...FRAME_FAULTS]
