import { expect, it } from 'vitest'
import { Centrifuge } from '../../../../src/dialect/centrifuge/centrifuge.ts'
import type { Conversation, Link } from '../../../../src/dialect/dialect.ts'
import { asSluiceError, SluiceError, type Closing } from '../../../../src/errors.ts'
import type { RequestHead } from '../../../../src/drivers/uws.ts'
import type { Identity, Permissions } from '../../../../src/session/ports.ts'
import { publicIdOf } from '../../../../src/session/session-id.ts'
import type { ConnectRequest } from '../../../../src/session/sessions.ts'
import type { Session } from '../../../../src/session/session.ts'
import type { Told, Welcome } from '../../../../src/session/welcome.ts'
import { Wheel } from '../../../../src/wheel.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const PING_MS = 25_000
const TICK_MS = 100
/** Of a token for one channel. */
const TOKEN_LIVES_MS = 60_000
const PERMISSIONS = { maySubscribe: () => true, mayPublish: () => true, mayReadHistory: () => true }

interface World {
  readonly said: string[]
  readonly ended: number[]
  readonly left: string[]
  readonly conversation: Conversation<Buffer>
  readonly pass: (ms: number) => void
  readonly say: (text: string) => Promise<void>
}

interface Listens {
  readonly oneWay?: boolean
  readonly connected?: (request: ConnectRequest) => void
}

function world(identify: () => Identity, { oneWay = false, connected }: Listens = {}): World {
  const clock = new ManualClock()
  const wheel = new Wheel(clock, TICK_MS, (_wall, error) => {
    throw error
  })
  const said: string[] = []
  const ended: number[] = []
  const left: string[] = []
  const link = {
    closed: false,
    say: (text: string) => void said.push(text),
    write: ({ data }: { readonly data: Uint8Array }) => void said.push(Buffer.from(data).toString()),
    introduced: () => undefined,
    another: () => undefined,
    charge: () => undefined,
    end(closing: Closing) {
      ended.push(dialect.farewell(closing).code ?? dialect.closeCodes[closing.why])
      conversation.gone()
    },
  } as unknown as Link
  const dialect = new Centrifuge(
    {
      reception: {
        identify: async () => identify(),
        prove: async () => ({ ...alice(clock.now() + TOKEN_LIVES_MS), channel: 'news' }),
        async connect(_link, identity, request) {
          connected?.(request)
          const session = {
            ...{ id: 'a-secret', user: identity.user, identity },
            refusal: (thrown: unknown) => asSluiceError(thrown),
            allow: (more: Permissions) =>
              void Object.assign(session, { identity: { ...identity, permissions: more } }),
            publish: async () => ({ answer: '{"sum":6}' }),
            unsubscribe: async (channel: string) => void left.push(channel),
            subscribe: async (_channel: string, _from: unknown, told: Told) =>
              told({ position: undefined, recovered: true }, { take: () => [] }),
          } as unknown as Session
          const inbox = { position: { epoch: 'e', offset: 0 }, recovered: false, error: undefined }
          conversation.joined(link, session, { channels: new Map([['@inbox', inbox]]) } as unknown as Welcome)
          return session
        },
      },
      ...{ anonymous: undefined, clock, wheel },
      logOf: () => undefined,
      everybody: undefined,
      keepsPresence: () => true,
      forwards: (channel) => channel === 'ask',
      acknowledged: () => false,
      failed(_what, error) {
        throw error
      },
    },
    {
      ...{
        jsonDepthMax: 64,
        frameBytesMax: 65_536,
        connectTimeoutMs: 5000,
        knows: () => true,
        pingSeconds: PING_MS / 1000,
        version: '1',
      },
      reauth: { intervalMs: 3_600_000, deadlineMs: 60_000 },
    },
    oneWay,
  )
  const head = { headers: {}, query: '' } as RequestHead
  const conversation = dialect.converse(dialect.hello(head))
  conversation.opened(link)
  return {
    ...{ said, ended, left, conversation },
    pass: (ms) => clock.pass(ms),
    async say(text) {
      conversation.received(link, new Uint8Array(Buffer.from(text)).buffer, false)
      for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    },
  }
}

const alice = (expiresAtMs?: number, permissions: Permissions = PERMISSIONS): Identity => ({
  ...{ user: 'alice', permissions, expiresAtMs, issuedAtMs: 0 },
})

const pings = (said: readonly string[]): number => said.filter((text) => text === '{}').length

it('pings again and again while the client answers', async () => {
  const { said, ended, pass, say } = world(() => alice())
  await say('{"id":1,"connect":{}}')
  for (let round = 1; round <= 5; round++) {
    pass(PING_MS + TICK_MS)
    expect(pings(said)).toBe(round)
    await say('{}')
  }
  expect(ended).toEqual([])
})

it('a client that does not answer a ping is closed so that it comes back', async () => {
  const { ended, pass, say } = world(() => alice())
  await say('{"id":1,"connect":{}}')
  pass(PING_MS + TICK_MS)
  expect(ended).toEqual([])
  pass(10_000 + TICK_MS)
  expect(ended).toEqual([3012])
  pass(2 * PING_MS)
  expect(ended).toHaveLength(1)
})

it.each([
  ['is read where the token allows that', 'news', true, 108],
  ['is not read by whoever may only subscribe', 'news', false, 103],
  ['of the own inbox is read whatever the token says', '#alice', false, 108],
  ['of the inbox of another is not read', '#bob', false, 103],
])('the history %s', async (_, channel, may, code) => {
  const { said, say } = world(() => alice(undefined, { ...PERMISSIONS, mayReadHistory: () => may }))
  await say('{"id":1,"connect":{}}')
  await say(JSON.stringify({ id: 2, history: { channel, limit: 1 } }))
  // Nothing is kept in this world: whoever may read is told so.
  expect(JSON.parse(said.at(-1) as string)).toMatchObject({ id: 2, error: { code } })
})

it.each([
  ['needs no permission to read the history', true, { subscribe: { was_recovering: true } }],
  ['needs the permission to subscribe', false, { error: { code: 103 } }],
])('recovery without an epoch %s', async (_, may, answer) => {
  const permissions = { ...PERMISSIONS, maySubscribe: () => may, mayReadHistory: () => false }
  const { said, say } = world(() => alice(undefined, permissions))
  await say('{"id":1,"connect":{}}')
  await say('{"id":2,"subscribe":{"channel":"news","recover":true}}')
  expect(JSON.parse(said.at(-1) as string)).toMatchObject({ id: 2, ...answer })
})

it('names the connection to others by what does not open its session', async () => {
  const { said, say } = world(() => alice())
  await say('{"id":1,"connect":{}}')
  expect(said[0]).toMatch(/"client":"[0-9a-f]{32}"/)
  expect(said[0]).not.toContain('a-secret')
})

it('says when the next token is due: before the session would end for want of one', async () => {
  const { said, say } = world(() => alice(1_000_000 + 600_000))
  await say('{"id":1,"connect":{}}')
  const { ttl } = (JSON.parse(said[0] as string) as { connect: { ttl: number } }).connect
  expect(ttl).toBeGreaterThan(300)
  expect(ttl).toBeLessThanOrEqual(600 - 2 * 60)
})

it('whoever is told to come with a fresh token, and does not, is not waited for', async () => {
  const { said, ended, pass, say } = world(() => {
    throw new SluiceError('unauthorized', 'expired', { freshTokenHelps: true })
  })
  await say('{"id":1,"connect":{"token":"t"}}')
  expect(said).toEqual(['{"id":1,"error":{"code":109,"message":"expired"}}'])
  pass(5000 + TICK_MS)
  expect(ended).toEqual([3502])
})

it('a binary frame of a client that speaks JSON ends the connection', async () => {
  const { ended, conversation } = world(() => alice())
  conversation.received(
    { end: (closing: Closing) => ended.push(closing.why === 'malformed' ? 3501 : 0) } as never,
    new ArrayBuffer(1),
    true,
  )
  expect(ended).toEqual([3501])
})

it.each([
  [{ 'sec-websocket-protocol': 'x, centrifuge-protobuf' }, '', 'centrifuge-protobuf'],
  [{ 'sec-websocket-protocol': 'centrifuge-json' }, 'cf_protocol=protobuf', 'centrifuge-json'],
  [{}, 'cf_protocol=protobuf', ''],
])('a handshake with %j and ?%s is answered with the subprotocol %j', (headers, query, subprotocol) => {
  const dialect = new Centrifuge({} as never, {} as never)
  expect(dialect.hello({ headers, query } as never).subprotocol).toBe(subprotocol)
  expect(() => dialect.hello({ headers: { 'sec-websocket-protocol': 'sluice.v1' }, query } as never)).toThrow(
    /centrifuge-json or centrifuge-protobuf/,
  )
})

it('a subscription by a token of its own ends with 2501 when that is over and no other has come, but not at once', async () => {
  const { said, left, pass, say } = world(() =>
    alice(undefined, { ...PERMISSIONS, maySubscribe: () => false }),
  )
  await say('{"id":1,"connect":{}}')
  await say('{"id":2,"subscribe":{"channel":"news","token":"t"}}')
  expect(said.at(-1)).toMatch(/"id":2,"subscribe":\{"expires":true,"ttl":\d+/)
  const expired = (): boolean => said.some((text) => text.includes('"code":2501'))
  for (let passedMs = 0; passedMs < TOKEN_LIVES_MS + 20_000; passedMs += 10_000) {
    await say('{}')
    pass(10_000)
  }
  expect([expired(), left]).toEqual([false, []])
  for (let round = 0; round < 4; round++) {
    await say('{}')
    pass(10_000)
  }
  expect([expired(), left]).toEqual([true, ['news']])
})

it('rpc is a publish that a backend answers, and refused where nobody does', async () => {
  const { said, say } = world(() => alice())
  await say('{"id":1,"connect":{}}')
  await say('{"id":2,"rpc":{"method":"ask","data":[1]}}')
  expect(said.at(-1)).toBe('{"id":2,"rpc":{"data":{"sum":6}}}')
  await say('{"id":3,"rpc":{"method":"news","data":[1]}}')
  expect(said.at(-1)).toMatch(/"id":3,"error":\{"code":108/)
})

it('a token that names more channels than it may is told so, and is no good', async () => {
  const channels = Array.from({ length: 101 }, (_, index) => `c${index}`)
  const { ended, say } = world(() => ({ ...alice(), channels }))
  await say('{"id":1,"connect":{"token":"t"}}')
  expect(ended).toEqual([3500])
})

it('is in presence as its connection, with what the token says of its user and of him in the channel', async () => {
  const subs = new Map([['room', { info: '{"seat":1}' }]])
  const { conversation, say } = world(() => ({ ...alice(), info: '{"name":"A"}', channels: ['room'], subs }))
  await say('{"id":1,"connect":{"token":"t"}}')
  const session = { id: 'a-secret', identity: { ...alice(), info: '{"name":"A"}' } } as unknown as Session
  const client = publicIdOf('a-secret')
  expect(conversation.entryIn?.(session, 'room', undefined)).toEqual({
    user: `alice\u0001${client}`,
    json: '{"conn_info":{"name":"A"},"chan_info":{"seat":1}}',
  })
  expect(conversation.entryIn?.(session, 'room', '2')).toMatchObject({
    json: '{"conn_info":{"name":"A"},"chan_info":2}',
  })
  const nobody = { id: 'a-secret', identity: alice() } as unknown as Session
  expect(conversation.entryIn?.(nobody, 'else', undefined)).toMatchObject({ json: undefined })
})

it('a token that says more of its user than it may is told so, and is no good', async () => {
  const { ended, say } = world(() => ({ ...alice(), info: JSON.stringify('x'.repeat(1024)) }))
  await say('{"id":1,"connect":{"token":"t"}}')
  expect(ended).toEqual([3500])
})

it('where the token says until when a connection is good, its own end does not count', async () => {
  const connect = '{"id":1,"connect":{"token":"t"}}'
  const forEver = world(() => ({ ...alice(1000), connectionEndsMs: 0 }))
  await forEver.say(connect)
  expect(forEver.said.at(-1)).not.toContain('expires')
  const until = world(() => ({ ...alice(), connectionEndsMs: 9_000_000_000_000 }))
  await until.say(connect)
  expect(until.said.at(-1)).toMatch(/"expires":true,"ttl":\d{4}/)
})

it.each([
  ['may ask for channels itself, and is on those of its token only', false],
  ['cannot ask for channels, and is on those that it names', true],
])('a client that %s', async (_, oneWay) => {
  const asked: unknown[] = []
  const { say } = world(() => ({ ...alice(), channels: ['mine'] }), {
    oneWay,
    connected: ({ channels, placeOf }) => void asked.push([...channels], placeOf?.('other')),
  })
  const other = { recover: true, epoch: 'e', offset: 3 }
  const request = { token: 't', subs: { other, mine: other } }
  await say(JSON.stringify(oneWay ? request : { id: 1, connect: request }))
  const place = { epoch: 'e', offset: 3 }
  const inbox = ['@inbox', undefined]
  expect(asked).toEqual([
    oneWay ? [['mine', place], inbox, ['other', place]] : [['mine', place], inbox],
    place,
  ])
})
