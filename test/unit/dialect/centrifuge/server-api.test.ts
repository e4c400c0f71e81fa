import { beforeEach, describe, expect, it } from 'vitest'
import { ServerApi } from '../../../../src/dialect/centrifuge/server-api.ts'
import type { ServerCaller } from '../../../../src/dialect/centrifuge/server-api-ports.ts'
import { SluiceError } from '../../../../src/errors.ts'
import type { PublishRequest } from '../../../../src/publish/publisher.ts'
import { MemoryReplayLog } from '../../../../src/replay/memory.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const POLICY = { ttlMs: 60_000, max: 5, idempotencyMs: 0 }

/** May everything, and notes what it was asked. */
function callerOf(
  refused: readonly string[] = [],
  traceparent?: string,
): ServerCaller & { readonly checked: string[] } {
  const checked: string[] = []
  const check = (what: string): void => {
    checked.push(what)
    if (refused.includes(what)) throw new SluiceError('forbidden', `not ${what}`)
  }
  const acted = (action: string): void => void checked.push(`did ${action}`)
  return {
    traceparent,
    checked,
    checkScope: check,
    checkChannel: check,
    acted,
    maySee: (channel) => !refused.includes(channel),
  }
}

let published: PublishRequest[]
let disconnected: unknown[]
let ordered: unknown[]
let stood: unknown[]
let log: MemoryReplayLog
let api: ServerApi
let fails: unknown

beforeEach(() => {
  published = []
  disconnected = []
  ordered = []
  stood = []
  fails = undefined
  log = new MemoryReplayLog({ clock: new ManualClock() })
  api = new ServerApi(
    {
      async publish(request) {
        if (fails !== undefined) throw fails
        published.push(request)
        return { epoch: 'e', offset: published.length }
      },
      logOf: (channel) => (channel.startsWith('live') ? undefined : log),
      members: (channel) =>
        channel === 'room'
          ? Promise.resolve(
              new Map([
                ['alice\u0001c1', '{"conn_info":{"name":"Alice"},"chan_info":1}'],
                ['alice\u0001c2', undefined],
                ['bob', '"here"'],
              ]),
            )
          : undefined,
      keepsPresence: (channel) => channel === 'room',
      async forget(channel) {
        await log.remove(channel)
      },
      async disconnect(...asked) {
        disconnected.push(asked)
      },
      async order(...asked) {
        ordered.push(asked)
      },
      async putOn(...asked) {
        stood.push(asked)
      },
      async takeOff(...asked) {
        stood.push(asked)
      },
      occupied: async (prefix) =>
        new Map(
          [
            ['dialog=2342', 2],
            ['dialog=2343', 1],
          ].filter(([channel]) => String(channel).startsWith(prefix)) as [string, number][],
        ),
      nodes: async () => [{ id: 'n1', version: '1.0.0', connections: 3, startedAt: 1000 }],
    },
    {
      batchMax: 3,
      infoBytesMax: 20,
      knows: (channel) => !channel.startsWith('unknown:'),
      now: () => 61_000,
    },
  )
})

async function call(name: string, raw: string, caller = callerOf()): Promise<unknown> {
  const params = JSON.parse(raw) as Record<string, unknown>
  return JSON.parse(await api.answer(name, { caller, params, raw }))
}

function dataOf(request: PublishRequest | undefined): string {
  return Buffer.from(request?.payload.data ?? []).toString()
}

it('a message belongs to the trace of its request, whichever method publishes it', async () => {
  const traceparent = `00-${'a1'.repeat(16)}-00f067aa0ba902b7-01`
  const caller = callerOf([], traceparent)
  await call('publish', '{"channel":"news","data":1}', caller)
  await call('broadcast', '{"channels":["a","b"],"data":1}', caller)
  await call('batch', '{"commands":[{"publish":{"channel":"news","data":1}}]}', caller)
  expect(published.map(({ trace }) => trace)).toEqual(Array.from({ length: 4 }, () => traceparent))
})

describe('publish', () => {
  it('takes the payload as it stands in the body, and answers where it is in the log', async () => {
    const answer = await call(
      'publish',
      '{"channel":"news","data":{"n":12345678901234567890},"idempotency_key":"k1"}',
    )
    expect(answer).toEqual({ result: { offset: 1, epoch: 'e' } })
    expect(published[0]).toMatchObject({ target: { channel: 'news' }, id: 'k1', door: 'http' })
    expect(dataOf(published[0])).toBe('{"n":12345678901234567890}')
  })

  it('takes tags for the headers of the message', async () => {
    await call('publish', '{"channel":"news","data":1,"tags":{"kind":"a"}}')
    expect(published[0]?.meta).toEqual({ headers: { kind: 'a' } })
  })

  it('takes bytes as base64, and the personal channel of a user for his inbox', async () => {
    await call('publish', '{"channel":"#alice","b64data":"yv4=","tags":{},"skip_history":false}')
    expect(published[0]).toMatchObject({ target: { user: 'alice' }, payload: { binary: true } })
    expect([...(published[0]?.payload.data ?? [])]).toEqual([0xca, 0xfe])
  })

  it.each([
    ['no channel', '{"data":1}', 107, /channel/],
    ['no data', '{"channel":"a","data":null}', 107, /data is missing/],
    ['a channel that is none', '{"channel":"a b","data":1}', 107, /channel is not valid/],
    ['base64 that is none', '{"channel":"a","b64data":"*"}', 107, /base64/],
    ['what the gateway does not offer', '{"channel":"a","data":1,"skip_history":true}', 108, /skip_history/],
  ])('refuses %s, and publishes nothing', async (_, raw, code, message) => {
    const { error } = (await call('publish', raw)) as { error: { code: number; message: string } }
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
    expect(published).toEqual([])
  })

  it('asks the key for the channel, by the name that it has inside', async () => {
    const caller = callerOf(['shop'])
    expect(await call('publish', '{"channel":"shop","data":1}', caller)).toEqual({
      error: { code: 103, message: 'not shop' },
    })
    expect(caller.checked).toEqual(['publish', 'shop'])
    expect(published).toEqual([])
  })

  it('tells a log that is away as an error that passes', async () => {
    fails = new SluiceError('unavailable', 'the log is away')
    expect(await call('publish', '{"channel":"a","data":1}')).toEqual({
      error: { code: 100, message: 'the log is away' },
    })
  })

  it('does not hide a fault of the gateway in an answer', async () => {
    fails = new TypeError('a fault')
    await expect(call('publish', '{"channel":"a","data":1}')).rejects.toThrow('a fault')
    await expect(call('batch', '{"commands":[{"publish":{"channel":"a","data":1}}]}')).rejects.toThrow(
      'a fault',
    )
  })
})

it('broadcast answers for each channel in its place', async () => {
  const answer = await call('broadcast', '{"channels":["a","b b",7],"data":[1]}')
  expect(answer).toMatchObject({
    result: { responses: [{ result: { offset: 1 } }, { error: { code: 107 } }, { error: { code: 107 } }] },
  })
  expect(published.map(dataOf)).toEqual(['[1]'])
  expect(await call('broadcast', '{"channels":["a","b","c","d"],"data":1}')).toMatchObject({
    error: { code: 106 },
  })
})

describe('batch', () => {
  it('answers each command by its name, in order, with the payload as it stands', async () => {
    const commands =
      '[{"publish":{"channel":"a","data":1.0}}, {"presence_stats":{"channel":"room"}}, {"publish":{}}]'
    expect(await call('batch', `{"commands":${commands}}`)).toEqual({
      result: {
        replies: [
          { publish: { offset: 1, epoch: 'e' } },
          { presence_stats: { num_clients: 3, num_users: 2 } },
          { error: { code: 107, message: expect.stringMatching(/^channel is not valid/) as unknown } },
        ],
      },
    })
    expect(dataOf(published[0])).toBe('1.0')
  })

  it('asks the key for each of its commands', async () => {
    const raw =
      '{"parallel":true,"commands":[{"history":{"channel":"a"}},{"publish":{"channel":"a","data":1}}]}'
    const answer = await call('batch', raw, callerOf(['history']))
    expect(answer).toMatchObject({ result: { replies: [{ error: { code: 103 } }, { publish: {} }] } })
  })

  it('does to users what is done to them alone, each of it in the record', async () => {
    const commands =
      '[{"disconnect":{"user":"a"}},{"refresh":{"user":"a"}},{"subscribe":{"user":"a","channel":"room"}}]'
    const caller = callerOf()
    expect(await call('batch', `{"commands":${commands}}`, caller)).toEqual({
      result: { replies: [{ disconnect: {} }, { refresh: {} }, { subscribe: {} }] },
    })
    expect([disconnected.length, ordered.length, stood.length]).toEqual([1, 1, 1])
    expect(caller.checked.filter((one) => one.startsWith('did'))).toEqual([
      'did disconnect',
      'did refresh',
      'did subscribe',
    ])
    const refused = await call('batch', '{"commands":[{"disconnect":{"user":"a"}}]}', callerOf(['admin']))
    expect(refused).toMatchObject({ result: { replies: [{ error: { code: 103 } }] } })
    expect(disconnected).toHaveLength(1)
  })

  it.each(['{"batch":{"commands":[]}}', '{"toString":{}}', '{}', 'null', '{"publish":1}'])(
    'refuses %s in its place',
    async (command) => {
      const answer = await call('batch', `{"commands":[${command}]}`)
      expect(answer).toMatchObject({ result: { replies: [{ error: {} }] } })
      expect(disconnected).toEqual([])
    },
  )
})

describe('history', () => {
  beforeEach(async () => {
    for (let n = 1; n <= 7; n++)
      await log.append('a', { data: Buffer.from(String(n)), binary: false, id: undefined, time: n }, POLICY)
  })

  interface Answer {
    readonly result: { publications: { data: number; offset: number }[]; epoch: string; offset: number }
    readonly error: { code: number }
  }

  async function history(fields: object): Promise<Answer> {
    return (await call('history', JSON.stringify({ channel: 'a', ...fields }))) as Answer
  }

  async function dataIn(fields: object): Promise<number[]> {
    return (await history(fields)).result.publications.map(({ data }) => data)
  }

  it('without a limit is the position alone', async () => {
    const { result } = await history({})
    expect(result).toEqual({ publications: [], epoch: (await log.head('a')).epoch, offset: 7 })
  })

  it('gives from either end, after or before a position, what is kept', async () => {
    expect(await dataIn({ limit: -1 })).toEqual([3, 4, 5, 6, 7])
    expect(await dataIn({ limit: 2 })).toEqual([3, 4])
    expect(await dataIn({ limit: 2, reverse: true })).toEqual([7, 6])
    expect(await dataIn({ limit: 2, since: { offset: 4 } })).toEqual([5, 6])
    expect(await dataIn({ limit: 9, since: { offset: 5 }, reverse: true })).toEqual([4, 3])
    expect(await dataIn({ limit: 9, since: { offset: 7 } })).toEqual([])
    // What it began with has left the log.
    expect(await dataIn({ limit: 2, since: { offset: 1 } })).toEqual([3, 4])
  })

  it('of another epoch, or beyond the log, cannot be recovered', async () => {
    expect((await history({ limit: 1, since: { offset: 1, epoch: 'another' } })).error.code).toBe(112)
    expect((await history({ limit: 1, since: { offset: 1, epoch: '_' } })).error.code).toBe(112)
    expect((await history({ limit: 1, since: { offset: 8 } })).error.code).toBe(112)
  })

  it('of a channel that keeps nothing is not available', async () => {
    expect(await call('history', '{"channel":"live"}')).toMatchObject({ error: { code: 108 } })
  })
})

it('presence names connections, with what is said of each; who speaks another protocol is there as his user', async () => {
  expect(await call('presence', '{"channel":"room"}')).toEqual({
    result: {
      presence: {
        c1: { user: 'alice', client: 'c1', conn_info: { name: 'Alice' }, chan_info: 1 },
        c2: { user: 'alice', client: 'c2' },
        bob: { user: 'bob', client: 'bob', chan_info: 'here' },
      },
    },
  })
  expect(await call('presence_stats', '{"channel":"room"}')).toEqual({
    result: { num_clients: 3, num_users: 2 },
  })
  expect(await call('presence', '{"channel":"a"}')).toMatchObject({ error: { code: 108 } })
})

it('disconnect ends all connections of a user, some, or all but some, in the words that are asked for', async () => {
  const as = { code: 4010, reason: 'moved' }
  const asked = JSON.stringify({ user: 'alice', disconnect: as })
  expect(await call('disconnect', '{"user":"alice","whitelist":[]}')).toEqual({ result: {} })
  expect(await call('disconnect', asked)).toEqual({ result: {} })
  expect(disconnected).toEqual([
    ['alice', undefined],
    ['alice', as],
  ])
  expect(await call('disconnect', '{"user":"alice","client":"c1","session":"s1"}')).toEqual({ result: {} })
  expect(await call('disconnect', '{"user":"alice","whitelist":["c1"],"disconnect":{"code":3000}}')).toEqual({
    result: {},
  })
  expect(ordered).toEqual([
    ['alice', { named: ['s1', 'c1'], but: [] }, { kind: 'end' }],
    ['alice', { named: [], but: ['c1'] }, { kind: 'end', as: { code: 3000, reason: '' } }],
  ])
  for (const unfit of ['[1]', '[{"toString":1}]', '"c1"'])
    expect(await call('disconnect', `{"user":"alice","whitelist":${unfit}}`)).toMatchObject({
      error: { code: 107 },
    })
  for (const unfit of ['{"code":1000}', '{"code":5000}', `{"code":4000,"reason":"${'x'.repeat(124)}"}`])
    expect(await call('disconnect', `{"user":"alice","disconnect":${unfit}}`)).toMatchObject({
      error: { code: 107 },
    })
  expect(disconnected).toHaveLength(2)
})

it('refresh says until when connections are good: a moment, none, or that they are over', async () => {
  for (const more of ['"expire_at":90', '"client":"c1"', '"expired":true,"expire_at":90'])
    expect(await call('refresh', `{"user":"alice",${more}}`)).toEqual({ result: {} })
  expect(ordered).toEqual([
    ['alice', { named: [], but: [] }, { kind: 'expire', atMs: 90_000 }],
    ['alice', { named: ['c1'], but: [] }, { kind: 'expire', atMs: undefined }],
    ['alice', { named: [], but: [] }, { kind: 'expire', atMs: 0 }],
  ])
})

it('history_remove leaves nothing to read, and the position as it is', async () => {
  await log.append(
    'a',
    { id: undefined, time: 0, from: undefined, meta: undefined, data: Buffer.from('1'), binary: false },
    POLICY,
  )
  const { offset } = await log.head('a')
  expect(await call('history_remove', '{"channel":"a"}')).toEqual({ result: {} })
  expect(await call('history', '{"channel":"a","limit":-1}')).toMatchObject({
    result: { publications: [], offset },
  })
  expect(await call('history_remove', '{"channel":"live"}')).toMatchObject({ error: { code: 108 } })
})

it.each(['publish', 'history', 'presence', 'history_remove'])(
  '%s of a namespace that there is not is of no channel',
  async (name) => {
    expect(await call(name, '{"channel":"unknown:1","data":1}')).toEqual({
      error: { code: 102, message: 'unknown channel' },
    })
  },
)

it('info tells of the nodes', async () => {
  expect(await call('info', '{}')).toEqual({
    result: { nodes: [{ uid: 'n1', name: 'n1', version: '1.0.0', num_clients: 3, uptime: 60 }] },
  })
})

it('subscribe and unsubscribe are of a user, or of one client of his, and say so in the record', async () => {
  expect(await call('subscribe', '{"user":"alice","channel":"dialog#42","client":""}')).toEqual({
    result: {},
  })
  expect(await call('unsubscribe', '{"user":"alice","channel":"news","client":"c1"}')).toEqual({ result: {} })
  expect(stood).toEqual([
    ['alice', { channels: ['dialog=2342'], session: undefined }, {}],
    ['alice', { channels: ['news'], session: 'c1' }],
  ])
  expect(api.methods['subscribe']?.audit?.on({ user: 'alice', channel: 'news' })).toEqual({
    user: 'alice',
    channels: 'news',
  })
  for (const unfit of ['{"channel":"news"}', '{"user":"alice"}', '{"user":"alice","channel":"#bob"}'])
    expect(await call('subscribe', unfit)).toMatchObject({ error: { code: 107 } })
  expect(stood).toHaveLength(2)
})

it('channels are listed by their names in Centrifuge, by a name or the beginning of one', async () => {
  const all = { 'dialog#42': { num_clients: 2 }, 'dialog#43': { num_clients: 1 } }
  expect(await call('channels', '{}')).toEqual({ result: { channels: all } })
  expect(await call('channels', '{"pattern":"dialog#*"}')).toEqual({ result: { channels: all } })
  expect(await call('channels', '{"pattern":"dialog#4"}')).toEqual({ result: { channels: {} } })
  expect(await call('channels', '{"pattern":"dialog#43"}')).toEqual({
    result: { channels: { 'dialog#43': { num_clients: 1 } } },
  })
  expect(await call('channels', '{"pattern":"*#42"}')).toMatchObject({ error: { code: 107 } })
})

describe('subscribe', () => {
  async function asked(more: string): Promise<unknown> {
    return call('subscribe', `{"user":"alice","channel":"room",${more}}`)
  }

  it('takes what the client is told, what is said of the user, an end, and a place to begin', async () => {
    const { epoch } = await log.head('room')
    const terms =
      '"data":{"a": 1},"b64info":"aW5mbw==","expire_at":90,"recover_since":{"offset":0,"epoch":""}'
    expect(await asked(terms)).toEqual({ result: {} })
    expect(stood).toEqual([
      [
        'alice',
        { channels: ['room'], session: undefined },
        { from: { room: { epoch, offset: 0 } }, data: '{"a": 1}', info: '"aW5mbw=="', untilMs: 90_000 },
      ],
    ])
    expect(await asked(`"info":"${'x'.repeat(20)}"`)).toMatchObject({ error: { code: 106 } })
  })

  it('takes options that say what the namespace says anyway, and refuses others by their name', async () => {
    expect(await asked('"override":{"presence":{"value":true},"force_recovery":{"value":true}}')).toEqual({
      result: {},
    })
    expect(await asked('"override":{"join_leave":{"value":false}}')).toMatchObject({
      error: { code: 108, message: expect.stringMatching(/^join_leave/) },
    })
    expect(await call('subscribe', '{"user":"alice","channel":"live","recover":true}')).toMatchObject({
      error: { code: 108, message: expect.stringMatching(/^recover/) },
    })
    expect(stood).toHaveLength(1)
  })
})

it('a key that is for some channels has nothing to do with others, whichever way they are asked for', async () => {
  const caller = (): ReturnType<typeof callerOf> => callerOf(['room', 'dialog=2342'])
  const methods = [
    'publish',
    'history',
    'history_remove',
    'presence',
    'presence_stats',
    'subscribe',
    'unsubscribe',
  ]
  for (const method of methods)
    expect(await call(method, '{"user":"alice","channel":"room","data":1}', caller()), method).toMatchObject({
      error: { code: 103 },
    })
  const broadcast = '{"channels":["a","room"],"data":1}'
  expect(await call('broadcast', broadcast, caller())).toMatchObject({
    result: { responses: [{ result: {} }, { error: { code: 103 } }] },
  })
  expect(await call('channels', '{}', caller())).toEqual({
    result: { channels: { 'dialog#43': { num_clients: 1 } } },
  })
  expect([published.length, stood.length]).toEqual([1, 0])
})
