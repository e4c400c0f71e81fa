/** What the public listener does with frames (RFC 6455). */
import { frameOf } from './wire-socket.ts'
import { closeFrame, PING, PONG, type FrameCase } from './websocket-case.ts'

const ECHOED = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 4000, 4999]
const envelope = Buffer.from('{"type":"publish","ref":7,"channel":"c"}')
/** A binary publish: the length of the envelope, the envelope, and the payload. */
export const BINARY = Buffer.concat([
  Buffer.from([0, 0, 0, envelope.length]),
  envelope,
  Buffer.from([0xca, 0xfe]),
])

export const FRAME_CASES: readonly FrameCase[] = [
  { name: 'a frame', send: [frameOf(1, PING)], answers: [PONG], after: 'open' },
  {
    name: 'two frames in one segment',
    send: [Buffer.concat([frameOf(1, PING), frameOf(1, PING)])],
    answers: [PONG, PONG],
    after: 'open',
  },
  {
    name: 'a message in three parts, with a ping between',
    send: [
      frameOf(1, PING.slice(0, 5), { fin: false }),
      frameOf(0, PING.slice(5, 9), { fin: false }),
      frameOf(9, 'hi'),
      frameOf(0, PING.slice(9)),
    ],
    answers: [[10, /^hi$/], PONG],
    after: 'open',
  },
  {
    name: 'an empty last part',
    send: [frameOf(1, PING, { fin: false }), frameOf(0, '')],
    answers: [PONG],
    after: 'open',
  },
  {
    name: 'a length longer than needed',
    send: [Buffer.concat([Buffer.from([129, 254, 0, PING.length, 0, 0, 0, 0]), Buffer.from(PING)])],
    answers: [PONG],
    after: 'open',
  },
  { name: 'a pong that nobody asked for', send: [frameOf(10, 'x')], after: 'open' },
  {
    name: 'the largest ping',
    send: [frameOf(9, 'x'.repeat(125))],
    answers: [[10, /^x{125}$/]],
    after: 'open',
  },
  {
    name: 'a text that is no frame of the protocol',
    send: [frameOf(1, 'hello')],
    answers: [[1, /bad_request/]],
    after: 4400,
  },
  {
    name: 'a frame over the limit',
    send: [frameOf(1, 'x'.repeat(65_537))],
    answers: [[1, /limit_exceeded/]],
    after: 1009,
  },
  {
    name: 'parts that are over the limit together',
    send: [frameOf(1, 'x'.repeat(40_000), { fin: false }), frameOf(0, 'x'.repeat(40_000))],
    answers: [[1, /limit_exceeded/]],
    after: 1009,
  },
  ...ECHOED.map((code): FrameCase => ({
    name: `close ${code} is echoed`,
    send: [closeFrame(code, 'bye')],
    after: code,
  })),
  { name: 'a close without a code', send: [frameOf(8, '')], after: 'none' },
  {
    name: 'a frame behind the close is not looked at',
    send: [Buffer.concat([closeFrame(1000), frameOf(1, PING)])],
    after: 1000,
  },
]
