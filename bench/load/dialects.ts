/**
 * How a client talks to each peer. A delivery is told apart from everything else by a byte or two, so that the load never
 * parses what it counts.
 */
import type { PeerName } from '../peers/terms.ts'

export interface Dialect {
  readonly webSocketPath: string
  /** Empty: none is offered. */
  readonly subprotocol: string
  readonly publishPath: string
  /** Where each channel and each user has paths of its own, and connections say nothing: in place of the others. */
  readonly byPath?: {
    subscribe(id: string): string
    publish(id: string): string
  }
  streamPath(channel: string, token: string): string
  /** The first frame of a connection. */
  connect(user: string, token: string): string
  isWelcome(frame: string): boolean
  subscribe(channel: string): string
  isSubscribed(frame: string): boolean
  /** `data` is JSON text. */
  publish(ref: number, channel: string, data: string): string
  isDelivery(bytes: Buffer, start: number): boolean
  /** How many bytes follow the JSON text of the data in a delivery. */
  readonly bytesAfterData: number
  /** What must be answered, or the server takes the client for dead. */
  reply(frame: string): string | undefined
}

const BRACE = 0x7b
const LETTER_M = 0x6d
const DIGIT_2 = 0x32
const DIGIT_4 = 0x34
/** `{"type":"m` */
const TYPE_STARTS_AT = 9

const BARE: Dialect = {
  webSocketPath: '/',
  subprotocol: '',
  publishPath: '/publish',
  streamPath: () => '/sse',
  connect: (user) => `{"type":"connect","user":"${user}"}`,
  isWelcome: (frame) => frame === '{"type":"welcome"}',
  subscribe: (channel) => `{"type":"subscribe","channel":"${channel}"}`,
  isSubscribed: (frame) => frame === '{"type":"subscribed"}',
  publish: (_ref, _channel, data) => `p${data}`,
  // The data of no benchmark is an object.
  isDelivery: (bytes, start) => bytes[start] !== BRACE,
  bytesAfterData: 0,
  reply: () => undefined,
}

const SLUICE: Dialect = {
  webSocketPath: '/v1/ws',
  subprotocol: 'sluice.v1',
  publishPath: '/v1/publish',
  streamPath: (channel, token) => `/v1/sse?channels=${encodeURIComponent(channel)}&token=${token}`,
  connect: (_user, token) => `{"type":"connect","token":"${token}"}`,
  isWelcome: (frame) => frame.startsWith('{"type":"welcome"'),
  subscribe: (channel) => `{"type":"subscribe","ref":1,"channel":"${channel}"}`,
  isSubscribed: (frame) => frame.startsWith('{"type":"subscribed"'),
  publish: (ref, channel, data) => `{"type":"publish","ref":${ref},"channel":"${channel}","data":${data}}`,
  isDelivery: (bytes, start) => bytes[start + TYPE_STARTS_AT] === LETTER_M,
  bytesAfterData: 1,
  reply: () => undefined,
}

export const DIALECTS: Readonly<Record<PeerName, Dialect>> = {
  'raw-uws': BARE,
  ws: BARE,
  // Engine.IO protocol 4: `4` is a message, `2` a ping, `3` its answer. Socket.IO protocol 5: `40` connect, `42` event, `43` acknowledgement.
  socketio: {
    ...BARE,
    webSocketPath: '/socket.io/?EIO=4&transport=websocket',
    connect: (user) => `40{"user":"${user}"}`,
    isWelcome: (frame) => frame.startsWith('40'),
    subscribe: () => '420["subscribe"]',
    isSubscribed: (frame) => frame.startsWith('430'),
    publish: (_ref, _channel, data) => `42["publish",${data}]`,
    isDelivery: (bytes, start) => bytes[start + 1] === DIGIT_2 && bytes[start] === DIGIT_4,
    bytesAfterData: 1,
    reply: (frame) => (frame === '2' ? '3' : undefined),
  },
  sluice: SLUICE,
  nchan: {
    ...BARE,
    byPath: { subscribe: (id) => `/sub?id=${id}`, publish: (id) => `/pub?id=${id}` },
    streamPath: (channel) => `/sub?id=${channel}`,
  },
  'sluice-cluster': SLUICE,
}
