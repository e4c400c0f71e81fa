import { describe, expect, it } from 'vitest'
import { Conversation } from '../../../../src/dialect/centrifuge/conversation.ts'
import { json, protobuf, type Encoding } from '../../../../src/dialect/centrifuge/encoding.ts'
import type { Ended } from '../../../../src/dialect/centrifuge/messages.ts'
import { CLOSE_CODES } from '../../../../src/dialect/centrifuge/closings.ts'
import type { Guest, Verbs } from '../../../../src/dialect/centrifuge/verbs.ts'
import { asSluiceError, SluiceError } from '../../../../src/errors.ts'
import type { LoggedMessage, Payload } from '../../../../src/protocol/message.ts'
import { INBOX as INBOX_NAME } from '../../../../src/protocol/channel.ts'
import type { Start } from '../../../../src/session/welcome.ts'

const OPTIONS = {
  jsonDepthMax: 64,
  knows: (channel: string) => !channel.startsWith('unknown:'),
  pingSeconds: 25,
  version: '1.0.0',
  frameBytesMax: 300,
}
const HEAD = { epoch: 'e', offset: 9 }
const INBOX = { '#alice': { recoverable: true, positioned: true, epoch: 'i', offset: 2 } }

interface World {
  readonly sent: unknown[]
  readonly ended: Ended[]
  /** The verbs in the order in which they were called. */
  readonly calls: unknown[]
  readonly published: Payload[]
  readonly conversation: Conversation
  readonly say: (...commands: object[]) => Promise<void>
}

interface Script extends Partial<Verbs> {
  readonly start?: Start
  readonly guest?: Partial<Guest>
  /** The commands that may still be taken. */
  readonly takes?: number
}

/** As it stands in a result. */
const MISSED = Buffer.from('{"data":1,"offset":10}')

/** Lets everything that waits only for promises happen. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}

function world(script: Script = {}, encoding: Encoding = json): World {
  const sent: unknown[] = []
  const ended: Ended[] = []
  const calls: unknown[] = []
  const published: Payload[] = []
  let takes = script.takes ?? 100
  const guest: Guest = {
    user: 'alice',
    client: 'c1',
    refreshInMs: undefined,
    named: undefined,
    ...script.guest,
  }
  const verbs: Verbs = {
    async connect(token, places, told) {
      const inbox = places.get(INBOX_NAME)
      calls.push(['connect', token, inbox])
      const start = { position: { epoch: 'i', offset: 2 }, recovered: inbox?.epoch === 'i', error: undefined }
      told(guest, new Map([...places.keys()].map((channel) => [channel, start])))
    },
    async subscribe(channel, from, told) {
      calls.push(['subscribe', channel, from])
      told(script.start ?? { position: HEAD, recovered: from?.epoch === HEAD.epoch }, () => [MISSED])
    },
    async grant(channel, token) {
      calls.push(['grant', channel, token])
      return { expires: true, ttl: 60 }
    },
    async unsubscribe(channel) {
      calls.push(['unsubscribe', channel])
    },
    async publish(channel, payload) {
      calls.push(['publish', channel])
      published.push(payload)
    },
    async call(channel, { data }) {
      calls.push(['call', channel, Buffer.from(data).toString()])
      return channel === 'quiet' ? undefined : Buffer.from('{"sum":6}')
    },
    async history() {
      const message = { kind: 'logged', channel: 'a', data: Buffer.from('{"n":1}'), binary: false, time: 5 }
      return {
        messages: [{ ...message, ...HEAD, previous: 8, ack: false, id: undefined } as LoggedMessage],
        head: HEAD,
      }
    },
    head: async () => HEAD,
    members: async () =>
      new Map([
        ['alice', undefined],
        ['bob', '{"mood":1}'],
      ]),
    renew: async () => ({ ...guest, refreshInMs: 90_000 }),
    handled: (channel, offset) => void calls.push(['handled', channel, offset]),
    ...script,
  }
  const conversation = new Conversation(
    encoding,
    verbs,
    {
      send: (frame) => void sent.push(encoding === json ? JSON.parse(Buffer.from(frame).toString()) : frame),
      end: (closing) =>
        void ended.push(closing.as ?? { code: CLOSE_CODES[closing.why], reason: closing.message }),
      another: () => takes-- > 0,
      failed: (_, error) => {
        throw error
      },
      refusal: asSluiceError,
    },
    OPTIONS,
  )
  const say = (...commands: object[]): Promise<void> => {
    conversation.received(Buffer.from(commands.map((command) => JSON.stringify(command)).join('\n')))
    return settled()
  }
  return { sent, ended, calls, published, conversation, say }
}

const CONNECT = { id: 1, connect: { token: 't' } }

async function connected(script: Script = {}): Promise<World> {
  const found = world(script)
  await found.say(CONNECT)
  found.sent.length = 0
  found.calls.length = 0
  return found
}

describe('connect', () => {
  it('is answered with the client, the pings and the inbox', async () => {
    const { sent, calls, say } = world({ guest: { refreshInMs: 59_999 } })
    await say(CONNECT)
    expect(calls).toEqual([['connect', 't', undefined]])
    expect(sent).toEqual([
      {
        id: 1,
        connect: {
          client: 'c1',
          version: '1.0.0',
          expires: true,
          ttl: 59,
          subs: INBOX,
          ping: 25,
          pong: true,
        },
      },
    ])
  })

  it('lets commands follow in the same frame, in their order', async () => {
    const { sent, calls, say } = world()
    await say(CONNECT, { id: 2, subscribe: { channel: 'a' } }, { id: 3, publish: { channel: 'a', data: 1 } })
    expect(calls.map((call) => (call as string[])[0])).toEqual(['connect', 'subscribe', 'publish'])
    expect(sent.map((reply) => (reply as { id: number }).id)).toEqual([1, 2, 3])
  })

  it('goes on in the inbox where it was', async () => {
    const { sent, calls, say } = world()
    const subs = { '#alice': { recover: true, epoch: 'i', offset: 1 } }
    await say({ id: 1, connect: { token: 't', subs } })
    expect(calls).toEqual([['connect', 't', { epoch: 'i', offset: 1 }]])
    expect(sent[0]).toMatchObject({
      connect: { subs: { '#alice': { was_recovering: true, recovered: true, offset: 1 } } },
    })
  })

  it.each([
    ['no connect first', [{ id: 1, subscribe: { channel: 'a' } }], 3501],
    ['two connects', [CONNECT, { ...CONNECT, id: 2 }], 3501],
    ['no JSON', 'hello', 3501],
  ])('%s ends the connection', async (_, commands, code) => {
    const { ended, say, conversation } = world()
    if (typeof commands === 'string') conversation.received(Buffer.from(commands))
    else await say(...commands)
    expect(ended[0]?.code).toBe(code)
  })

  it.each([
    ['too many commands', Array.from({ length: 1025 }, () => [{ send: {} }])],
    ['more than a frame', Array.from({ length: 2 }, () => [{ send: { data: 'x'.repeat(200) } }])],
  ])('with %s behind it ends the connection', async (_, frames) => {
    const { ended, say } = world({ connect: () => new Promise(() => undefined) })
    await say(CONNECT)
    for (const frame of frames) await say(...frame)
    expect(ended[0]?.code).toBe(3013)
  })

  it.each([
    [new SluiceError('unauthorized', 'no'), 3500],
    [new SluiceError('unavailable', 'no'), 3004],
    [new SluiceError('forbidden', 'no'), 3503],
  ])('refused by %o ends it by the code that fits', async (error, code) => {
    const { ended, say } = world({
      async connect() {
        throw error
      },
    })
    await say(CONNECT)
    expect(ended).toEqual([{ code, reason: 'no' }])
  })

  it('with a token that was good once is answered by 109, and may come again', async () => {
    let attempts = 0
    const { sent, ended, say } = world({
      async connect(_token, _inbox, told) {
        if (attempts++ === 0) throw new SluiceError('unauthorized', 'expired', { freshTokenHelps: true })
        told(
          { user: 'alice', client: 'c1', refreshInMs: undefined, named: undefined },
          new Map([[INBOX_NAME, { position: undefined, recovered: false, error: undefined }]]),
        )
      },
    })
    await say(CONNECT)
    await say({ ...CONNECT, id: 2 })
    expect(sent).toEqual([
      { id: 1, error: { code: 109, message: 'expired' } },
      { id: 2, connect: { client: 'c1', version: '1.0.0', subs: { '#alice': {} }, ping: 25, pong: true } },
    ])
    expect(ended).toEqual([])
  })
})

describe('subscribe', () => {
  it('tells where it starts', async () => {
    const { sent, calls, say } = await connected()
    await say({ id: 2, subscribe: { channel: 'dialog#1,2' } })
    expect(calls).toEqual([['subscribe', 'dialog=231=2C2', undefined]])
    expect(sent).toEqual([
      { id: 2, subscribe: { recoverable: true, positioned: true, epoch: 'e', offset: 9 } },
    ])
  })

  it('goes on from its own place, and what came before that is handled', async () => {
    const { sent, calls, say } = await connected()
    await say({ id: 2, subscribe: { channel: 'a', recover: true, epoch: 'e', offset: 4 } })
    expect(calls).toEqual([
      ['subscribe', 'a', { epoch: 'e', offset: 4 }],
      ['handled', 'a', 4],
    ])
    expect(sent[0]).toMatchObject({
      subscribe: { was_recovering: true, recovered: true, epoch: 'e', offset: 4 },
    })
  })

  it('without an epoch goes on in the one that there is', async () => {
    const { calls, say } = await connected()
    await say({ id: 2, subscribe: { channel: 'a', recover: true } })
    expect(calls).toEqual([['subscribe', 'a', { epoch: 'e', offset: 0 }]])
  })

  it('that cannot be recovered says so once: the reset behind it is not told again', async () => {
    const { sent, calls, say, conversation } = await connected()
    await say({ id: 2, subscribe: { channel: 'a', recover: true, epoch: '_', offset: 0 } })
    expect(sent[0]).toEqual({
      id: 2,
      subscribe: { recoverable: true, positioned: true, epoch: 'e', offset: 9, was_recovering: true },
    })
    conversation.reset('a', HEAD)
    expect(sent).toHaveLength(1)
    conversation.reset('a', HEAD)
    expect(sent[1]).toEqual({
      push: { channel: 'a', unsubscribe: { code: 2500, reason: 'insufficient state' } },
    })
    expect(calls.at(-1)).toEqual(['unsubscribe', 'a'])
  })

  it('with flag 2 rather fails than starts anew, and leaves nothing behind', async () => {
    const { sent, calls, say } = await connected()
    const wish = { channel: 'a', recover: true, epoch: 'other', offset: 1, flag: 2 }
    await say({ id: 2, subscribe: wish })
    expect(sent).toEqual([{ id: 2, error: { code: 112, message: 'unrecoverable position' } }])
    expect(calls.at(-1)).toEqual(['unsubscribe', 'a'])
    await say({ id: 3, subscribe: { channel: 'a' } })
    expect(sent[1]).toMatchObject({ id: 3, subscribe: {} })
  })

  it('to a channel that keeps nothing has no position', async () => {
    const { sent, say } = await connected({ start: { position: undefined, recovered: false } })
    await say({ id: 2, subscribe: { channel: 'live' } })
    expect(sent).toEqual([{ id: 2, subscribe: {} }])
  })

  it.each([
    ['a second time', { channel: 'a' }, 105],
    ['to the own inbox, which is there already', { channel: '#alice' }, 105],
    ['to the inbox of another', { channel: '#bob' }, 103],
    ['to what is no channel', { channel: 'a b' }, 107],
    ['to nothing', {}, 107],
    ['with a filter', { channel: 'b', tf: { key: 'k' } }, 107],
    ['to a map', { channel: 'b', type: 1 }, 108],
  ])('%s is refused', async (_, request, code) => {
    const { sent, say } = await connected()
    await say({ id: 2, subscribe: { channel: 'a' } })
    await say({ id: 3, subscribe: request })
    expect(sent[1]).toMatchObject({ id: 3, error: { code } })
  })

  it.each([
    ['what was missed stands in the answer', HEAD.epoch, [{ data: 1, offset: 10 }]],
    ['nothing does where something was lost', 'other', undefined],
  ])('that recovers: %s', async (_, epoch, publications) => {
    const { sent, say } = await connected()
    await say({ id: 2, subscribe: { channel: 'a', recover: true, epoch, offset: 9 } })
    expect((sent[0] as { subscribe: object }).subscribe).toMatchObject({ was_recovering: true })
    expect((sent[0] as { subscribe: { publications?: unknown } }).subscribe.publications).toEqual(
      publications,
    )
  })

  it('with a token of the channel brings that first, and says how long it is good', async () => {
    const { sent, calls, say } = await connected()
    await say({ id: 2, subscribe: { channel: 'a', token: 't' } })
    expect(calls.slice(-2)).toMatchObject([
      ['grant', 'a', 't'],
      ['subscribe', 'a', undefined],
    ])
    expect(sent[0]).toMatchObject({ id: 2, subscribe: { expires: true, ttl: 60 } })
  })

  it('that was refused may be tried again', async () => {
    let refuse = true
    const { sent, say } = await connected({
      async subscribe(_channel, _from, told) {
        if (refuse) throw new SluiceError('unavailable', 'away')
        told({ position: HEAD, recovered: false }, () => [])
      },
    })
    await say({ id: 2, subscribe: { channel: 'a' } })
    refuse = false
    await say({ id: 3, subscribe: { channel: 'a' } })
    expect(sent).toMatchObject([
      { id: 2, error: { code: 100, temporary: true } },
      { id: 3, subscribe: {} },
    ])
  })
})

describe('other commands', () => {
  it.each([
    [{ unsubscribe: { channel: 'never' } }, { unsubscribe: {} }],
    [{ publish: { channel: 'a', data: [1.5] } }, { publish: {} }],
    [
      { presence: { channel: 'a' } },
      {
        presence: {
          presence: {
            alice: { user: 'alice', client: 'alice' },
            bob: { user: 'bob', client: 'bob', chan_info: { mood: 1 } },
          },
        },
      },
    ],
    [{ presence_stats: { channel: 'a' } }, { presence_stats: { num_clients: 2, num_users: 2 } }],
    [
      { history: { channel: 'a', limit: 1 } },
      { history: { publications: [{ data: { n: 1 }, offset: 9, time: 5 }], epoch: 'e', offset: 9 } },
    ],
    [{ refresh: { token: 'x' } }, { refresh: { client: 'c1', version: '1.0.0', expires: true, ttl: 90 } }],
    [{ sub_refresh: { channel: 'a', token: 'x' } }, { sub_refresh: { expires: true, ttl: 60 } }],
  ])('%j is answered with %j', async (command, reply) => {
    const { sent, say } = await connected()
    await say({ id: 2, ...command })
    expect(sent).toEqual([{ id: 2, ...reply }])
  })

  it.each([
    [{ rpc: { data: {} } }, 108],
    [{ publish: { channel: 'a' } }, 107],
    [{ dance: {} }, 104],
  ])('%j is refused', async (command, code) => {
    const { sent, say } = await connected()
    await say({ id: 2, ...command })
    expect(sent).toMatchObject([{ id: 2, error: { code } }])
  })

  it('an unsubscribe leaves the channel, which can be subscribed to again', async () => {
    const { calls, say } = await connected()
    await say({ id: 2, subscribe: { channel: 'a' } })
    await say({ id: 3, unsubscribe: { channel: 'a' } })
    await say({ id: 4, subscribe: { channel: 'a' } })
    expect(calls.map((call) => (call as string[])[0])).toEqual(['subscribe', 'unsubscribe', 'subscribe'])
  })

  it('a fresh token that is none lets the client come back, rather than stay away for ever', async () => {
    const { ended, say } = await connected({
      renew: () => Promise.reject(new SluiceError('unauthorized', 'no')),
    })
    await say({ id: 2, refresh: { token: 'x' } })
    expect(ended).toEqual([{ code: 3005, reason: 'no' }])
  })

  it('of one frame beyond the limits are not carried out', async () => {
    const { sent, say } = await connected({ takes: 1 })
    await say(...[2, 3, 4].map((id) => ({ id, presence_stats: { channel: 'a' } })))
    expect(sent).toHaveLength(2)
  })

  it('a payload that is nested too deep is answered, and the connection goes on', async () => {
    const { sent, ended, conversation } = await connected()
    const deep = `${'['.repeat(65)}${']'.repeat(65)}`
    conversation.received(Buffer.from(`{"id":2,"publish":{"channel":"a","data":${deep}}}`))
    expect(sent).toMatchObject([{ id: 2, error: { code: 107 } }])
    expect(ended).toEqual([])
  })
})

it('a reset of the inbox begins it anew', async () => {
  const { sent, conversation } = await connected()
  conversation.reset('@alice', { epoch: 'j', offset: 3 })
  expect(sent).toEqual([
    { push: { channel: '#alice', unsubscribe: { code: 2500, reason: 'insufficient state' } } },
    {
      push: { channel: '#alice', subscribe: { recoverable: true, positioned: true, epoch: 'j', offset: 3 } },
    },
  ])
})

it('a channel that a fresh token does not allow ends for good', async () => {
  const { sent, say, conversation } = await connected()
  await say({ id: 2, subscribe: { channel: 'a' } })
  conversation.unsubscribed('a')
  conversation.unsubscribed('a')
  expect(sent.slice(1)).toEqual([
    { push: { channel: 'a', unsubscribe: { code: 2000, reason: 'server unsubscribe' } } },
  ])
})

it('in Protobuf a payload is JSON where it can be read as such, and bytes else', async () => {
  const { published, conversation } = world({}, protobuf)
  // id 1, connect {}; id 2 and 3, publish { channel "a", data }
  const publish = (id: number, ...data: number[]): number[] => {
    const request = [0x0a, 1, 0x61, 0x12, data.length, ...data]
    return [request.length + 4, 0x08, id, 0x3a, request.length, ...request]
  }
  conversation.received(
    new Uint8Array([4, 0x08, 1, 0x22, 0, ...publish(2, 0x7b, 0x7d), ...publish(3, 0xca, 0xfe)]),
  )
  await settled()
  expect(published.map(({ data, binary }) => [Buffer.from(data).toString('hex'), binary])).toEqual([
    ['7b7d', false],
    ['cafe', true],
  ])
})

it('rpc asks the backend of the channel that method names, and has what it answers', async () => {
  const { sent, calls, say } = world()
  await say({ id: 1, connect: {} })
  await say({ id: 2, rpc: { method: 'ask:sum', data: [1, 2, 3] } }, { id: 3, rpc: { method: 'quiet' } })
  expect(sent.slice(1)).toEqual([
    { id: 2, rpc: { data: { sum: 6 } } },
    { id: 3, rpc: {} },
  ])
  expect(calls.slice(1)).toEqual([
    ['call', 'ask:sum', '[1,2,3]'],
    ['call', 'quiet', 'null'],
  ])
})

it('a subscription of a backend begins and ends with a push, and may become one of the client', async () => {
  const { sent, calls, conversation, say } = world()
  await say({ id: 1, connect: {} })
  conversation.subscribed('news', { position: HEAD, recovered: false })
  conversation.subscribed('live', { position: undefined, recovered: false })
  expect(sent.slice(1)).toEqual([
    { push: { channel: 'news', subscribe: { recoverable: true, positioned: true, ...HEAD } } },
    { push: { channel: 'live', subscribe: {} } },
  ])
  await say({ id: 2, subscribe: { channel: 'news' } })
  expect(calls.at(-1)).toEqual(['subscribe', 'news', undefined])
  await say({ id: 3, subscribe: { channel: 'news' } })
  expect(sent.at(-1)).toMatchObject({ id: 3, error: { code: 105 } })
  conversation.unsubscribed('live')
  expect(sent.at(-1)).toMatchObject({ push: { channel: 'live', unsubscribe: { code: 2000 } } })
  conversation.unsubscribed('live')
  expect(sent).toHaveLength(6)
})

it('a subscription of a backend says what the backend tells with it', async () => {
  const { sent, conversation, say } = world()
  await say({ id: 1, connect: {} })
  conversation.subscribed('news', { position: undefined, recovered: false, data: '{"a":1}' })
  expect(sent.at(-1)).toEqual({ push: { channel: 'news', subscribe: { data: { a: 1 } } } })
})

it('whoever is to bring a fresh token is told in time', async () => {
  const { sent, conversation, say } = world()
  await say({ id: 1, connect: {} })
  conversation.reauth(20_000)
  expect(sent.at(-1)).toEqual({ push: { refresh: { expires: true, ttl: 10 } } })
})

it.each(['subscribe', 'publish', 'history', 'presence', 'presence_stats'])(
  '%s of a namespace that there is not is of no channel',
  async (method) => {
    const { sent, calls, say } = await connected()
    await say({ id: 2, [method]: { channel: 'unknown:1', data: 1 } })
    expect(sent).toEqual([{ id: 2, error: { code: 102, message: 'unknown channel' } }])
    expect(calls).toEqual([])
  },
)

it('presence has a member for each connection, and one for each user who speaks another protocol', async () => {
  const members = new Map([
    ['alice\u0001c1', '{"conn_info":{"n":1}}'],
    ['alice\u0001c2', '{"conn_info":{"n":1},"chan_info":[2]}'],
    ['bob', undefined],
  ])
  const { sent, say } = await connected({ members: async () => members })
  await say({ id: 2, presence: { channel: 'room' } }, { id: 3, presence_stats: { channel: 'room' } })
  expect(sent).toEqual([
    {
      id: 2,
      presence: {
        presence: {
          c1: { user: 'alice', client: 'c1', conn_info: { n: 1 } },
          c2: { user: 'alice', client: 'c2', conn_info: { n: 1 }, chan_info: [2] },
          bob: { user: 'bob', client: 'bob' },
        },
      },
    },
    { id: 3, presence_stats: { num_clients: 3, num_users: 2 } },
  ])
})
