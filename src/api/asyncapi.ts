/**
 * The description of what clients speak for programs: AsyncAPI 3.0, the frames of WebSockets and the events of streams.
 * test/protocol/asyncapi.test.ts holds it against a running node.
 */
import { ERRORS } from '../errors.ts'
import { packageVersion } from '../package-version.ts'
import type { ClientFrame, ServerFrame } from '../dialect/sluice-v1/frames.ts'

type Schema = Readonly<Record<string, unknown>>

const TEXT = { type: 'string' }
const COUNT = { type: 'integer', minimum: 0 }
const FLAG = { type: 'boolean' }
const REF = { type: 'integer', description: 'Chosen by the client; the reply repeats it.' }
const CHANNEL = { type: 'string', maxLength: 257 }
const CODE = { enum: Object.keys(ERRORS) }
const POSITION = { epoch: TEXT, offset: COUNT }
const POSITION_OBJECT = closed(POSITION)

/** Nothing but these fields; those that end with `?` may be absent. */
function closed(fields: Readonly<Record<string, Schema>>): Schema {
  const names = Object.keys(fields)
  return {
    type: 'object',
    required: names.filter((name) => !name.endsWith('?')),
    additionalProperties: false,
    properties: Object.fromEntries(names.map((name) => [name.replace(/\?$/, ''), fields[name] as Schema])),
  }
}

function frame(type: string, fields: Readonly<Record<string, Schema>>): Schema {
  return closed({ type: { const: type }, ...fields })
}

const ENTER: Schema = { anyOf: [closed({ 'data?': {}, 'at?': COUNT }), { const: false }] }

const CLIENT = {
  connect: frame('connect', {
    'token?': TEXT,
    'session?': TEXT,
    'resume?': { type: 'object', additionalProperties: POSITION_OBJECT },
    'enter?': { type: 'object', additionalProperties: ENTER },
    'client?': closed({ name: TEXT, version: TEXT }),
  }),
  subscribe: frame('subscribe', {
    ref: REF,
    channel: CHANNEL,
    'from?': { anyOf: [POSITION_OBJECT, closed({ last: COUNT })] },
    'enter?': ENTER,
  }),
  unsubscribe: frame('unsubscribe', { ref: REF, channel: CHANNEL }),
  publish: frame('publish', { ref: REF, channel: CHANNEL, data: {}, 'id?': TEXT, 'event?': TEXT }),
  ack: frame('ack', { channel: CHANNEL, offset: COUNT }),
  auth: frame('auth', { ref: REF, token: TEXT }),
  enter: frame('enter', { ref: REF, channel: CHANNEL, 'data?': {}, 'at?': COUNT }),
  leave: frame('leave', { ref: REF, channel: CHANNEL }),
  presence: frame('presence', { ref: REF, channel: CHANNEL }),
  history: frame('history', {
    ...{ ref: REF, channel: CHANNEL, 'limit?': COUNT },
    ...{ 'before?': POSITION_OBJECT, 'after?': POSITION_OBJECT },
  }),
  probe: frame('probe', { ref: REF, channel: CHANNEL }),
  ping: frame('ping', { 'ref?': REF }),
} satisfies Record<ClientFrame['type'], Schema>

const RESTORED = {
  anyOf: [
    closed({ 'epoch?': TEXT, 'offset?': COUNT, recovered: FLAG, 'byBackend?': { const: true } }),
    closed({ recovered: { const: false }, error: CODE }),
  ],
}

const MEMBER = { channel: CHANNEL, user: TEXT, 'data?': {}, 'count?': COUNT }

const SERVER = {
  welcome: frame('welcome', {
    ...{ session: TEXT, user: TEXT, node: TEXT, resumed: FLAG },
    channels: { type: 'object', additionalProperties: RESTORED },
    pingInterval: COUNT,
    'ticket?': TEXT,
    'limits?': closed({ frame: COUNT, payload: COUNT, subscriptions: COUNT, 'presenceData?': COUNT }),
    'expiresAt?': COUNT,
  }),
  subscribed: frame('subscribed', {
    ...{ 'ref?': REF, channel: CHANNEL, 'epoch?': TEXT, 'offset?': COUNT, recovered: FLAG, 'at?': COUNT },
    'byBackend?': { const: true },
  }),
  unsubscribed: frame('unsubscribed', { 'ref?': REF, channel: CHANNEL, 'byBackend?': { const: true } }),
  message: frame('message', {
    channel: CHANNEL,
    ...{ 'offset?': COUNT, 'id?': TEXT, 'from?': TEXT, time: COUNT, 'ack?': { const: true } },
    'event?': TEXT,
    'headers?': { type: 'object', additionalProperties: TEXT },
    'encoding?': { const: 'base64', description: 'On streams and polls, where the payload is bytes.' },
    data: {},
  }),
  published: frame('published', {
    ref: REF,
    'data?': {},
    'epoch?': TEXT,
    'offset?': COUNT,
    'duplicate?': FLAG,
  }),
  reset: frame('reset', {
    ...{ channel: CHANNEL, ...POSITION, reason: { enum: ['gap', 'epoch', 'trimmed'] }, 'delay?': COUNT },
  }),
  reconnect: frame('reconnect', {
    ...{ delay: COUNT, deadline: COUNT, reason: { enum: ['drain', 'overload', 'move'] }, 'url?': TEXT },
  }),
  reauth: frame('reauth', { deadline: COUNT }),
  join: frame('join', MEMBER),
  leave: frame('leave', MEMBER),
  update: frame('update', MEMBER),
  entered: frame('entered', { ref: REF, channel: CHANNEL, 'at?': COUNT }),
  presence: frame('presence', {
    ...{ ref: REF, channel: CHANNEL, users: { type: 'array', items: TEXT } },
    ...{ 'data?': { type: 'object', additionalProperties: true }, 'partial?': { const: true } },
  }),
  history: frame('history', {
    ...{ ref: REF, channel: CHANNEL, ...POSITION, more: FLAG },
    messages: { type: 'array', items: { $ref: '#/components/schemas/message' } },
    'reset?': { enum: ['gap', 'epoch', 'trimmed'] },
  }),
  authenticated: frame('authenticated', { ref: REF, 'ticket?': TEXT, 'expiresAt?': COUNT }),
  error: frame('error', { 'ref?': REF, code: CODE, message: TEXT, retryable: FLAG }),
  probe: frame('probe', { ref: REF, 'pause?': COUNT }),
  pong: frame('pong', { 'ref?': REF }),
} satisfies Record<ServerFrame['type'], Schema>

/** Beside messages and resets. */
const EVENT_NAMES = ['join', 'leave', 'update', 'subscribed', 'unsubscribed']

function schemaRef(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` }
}

/** What streams and polls have beside the frames. */
const OTHERS = {
  closing: frame('closing', { code: CODE, message: TEXT, retryable: FLAG, 'url?': TEXT }),
  polled: closed({
    messages: { type: 'array', items: { $ref: '#/components/schemas/message' } },
    resets: { type: 'array', items: { $ref: '#/components/schemas/reset' } },
    'events?': { type: 'array', items: { anyOf: EVENT_NAMES.map(schemaRef) } },
    'refused?': { type: 'array', items: closed({ channel: CHANNEL, error: CODE }) },
    cursor: TEXT,
    'url?': TEXT,
  }),
}

/** What a link has beside the frames: a line each, as everything on it. */
const LINES = {
  credential: { type: 'string', description: 'The first line from the gateway, for the header Sluice-Link.' },
  closed: {
    type: 'array',
    prefixItems: [{ type: 'integer', minimum: 1000, maximum: 4999 }, TEXT],
    minItems: 2,
    maxItems: 2,
    description: 'The last line from the gateway: the close code, and why.',
  },
  number: {
    ...COUNT,
    description: 'The first line of the answer to a poll: of this answer, for the next poll.',
  },
  binaryLine: {
    type: 'string',
    contentEncoding: 'base64',
    pattern: '^[A-Za-z0-9+/]+=*$',
    description: 'A binary frame.',
  },
} satisfies Record<string, Schema>

/** A frame whose payload is bytes is no JSON. */
const BINARY = {
  binary: {
    name: 'binary',
    contentType: 'application/octet-stream',
    description:
      'A message, or a publish, whose payload is bytes: four bytes with the length of the head (unsigned, network order), the head (the frame as JSON, without data), the payload.',
  },
}

/** A client's frames that have the name of a server's are other ones. */
function clientName(type: string): string {
  return `client.${type}`
}

const CLIENT_NAMES = Object.keys(CLIENT).map(clientName)
const SERVER_NAMES = Object.keys(SERVER)
/** Streams have no requests, so no replies. */
const LINE_NAMES = Object.keys(LINES)
const STREAM_NAMES = ['welcome', 'message', 'reset', ...EVENT_NAMES, 'closing']

const LINK =
  'A WebSocket over HTTP: each frame is a line of its own. GET opens a link: an event stream with a line in the data of each event, or with ?poll an answer of lines to each poll. POST ?number=1, 2, 3 … brings the lines of the client, POST ?close ends it.'

export function asyncApi(): object {
  const schemas: Record<string, Schema> = { ...SERVER, ...OTHERS, ...LINES }
  for (const [type, schema] of Object.entries(CLIENT)) schemas[clientName(type)] = schema
  return {
    asyncapi: '3.0.0',
    info: { title: 'Sluice: what clients speak', version: packageVersion(), license: { name: 'MIT' } },
    defaultContentType: 'application/json',
    servers: { public: { host: '127.0.0.1:8080', protocol: 'ws', description: 'The public listener.' } },
    channels: {
      webSocket: channel('/v1/ws', 'WebSocket, subprotocol sluice.v1.', [
        ...SERVER_NAMES,
        ...CLIENT_NAMES,
        'binary',
      ]),
      stream: channel('/v1/sse', 'Server-Sent Events; the name of an event is its type.', STREAM_NAMES),
      poll: channel('/v1/poll', 'Long poll: one answer.', ['polled']),
      link: channel('/v1/link', LINK, [...SERVER_NAMES, ...CLIENT_NAMES, ...LINE_NAMES]),
    },
    operations: {
      speak: operation('receive', 'webSocket', [...CLIENT_NAMES, 'binary']),
      hear: operation('send', 'webSocket', [...SERVER_NAMES, 'binary']),
      follow: operation('send', 'stream', STREAM_NAMES),
      ask: operation('send', 'poll', ['polled']),
      speakOverLink: operation('receive', 'link', [...CLIENT_NAMES, 'binaryLine']),
      hearOverLink: operation('send', 'link', [...SERVER_NAMES, ...LINE_NAMES]),
    },
    components: {
      schemas,
      messages: { ...Object.fromEntries(Object.keys(schemas).map(message)), ...BINARY },
    },
  }
}

function channel(address: string, description: string, names: readonly string[]): object {
  const messages = names.map((name) => [name, { $ref: `#/components/messages/${name}` }])
  return { address, description, messages: Object.fromEntries(messages) as object }
}

function operation(action: 'send' | 'receive', on: string, names: readonly string[]): object {
  return {
    action,
    channel: { $ref: `#/channels/${on}` },
    messages: names.map((name) => ({ $ref: `#/channels/${on}/messages/${name}` })),
  }
}

function message(name: string): [string, object] {
  return [name, { name: name.replace(/^client\./, ''), payload: { $ref: `#/components/schemas/${name}` } }]
}
