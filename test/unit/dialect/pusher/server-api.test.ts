import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Apps } from '../../../../src/dialect/pusher/apps.ts'
import { channelEvent } from '../../../../src/dialect/pusher/frames.ts'
import { dataOf, payloadOf } from '../../../../src/dialect/pusher/publishing.ts'
import { PusherServerApi } from '../../../../src/dialect/pusher/server-api.ts'
import { sessionIdOf } from '../../../../src/dialect/pusher/socket-id.ts'
import { requestText, signatureOf } from '../../../../src/dialect/pusher/signatures.ts'
import { SluiceError } from '../../../../src/errors.ts'
import type { PublishRequest } from '../../../../src/publish/publisher.ts'

class World {
  readonly published: PublishRequest[] = []
  readonly refusals: string[] = []
  readonly signedOut: string[] = []
  /** As the cluster says, of all apps. */
  readonly occupied = new Map([
    ['shop:news', 2],
    ['shop:presence-a=2Cb', 3],
    ['shop:=23server-to-user-1', 1],
    ['chat:news', 5],
  ])
  bodiesRead = 0
  /** A channel that cannot be published to. */
  broken: string | undefined
  readonly api = new PusherServerApi(
    new Apps(['3:shop:k1:s1', '4:chat:k2:s2']),
    {
      publish: (request) => {
        this.published.push(request)
        return 'channel' in request.target && request.target.channel === this.broken
          ? Promise.reject(new SluiceError('unavailable', 'the log is away'))
          : Promise.resolve({})
      },
      signOut: async (user) => void this.signedOut.push(user),
      counts: (channels) =>
        Promise.resolve(new Map([...this.occupied].filter(([name]) => channels.includes(name)))),
      occupied: (prefix) =>
        Promise.resolve(new Map([...this.occupied].filter(([name]) => name.startsWith(prefix)))),
      members: () => Promise.resolve(new Map([['ann', undefined]])),
      cache: { newest: () => Promise.resolve({ head: undefined, message: undefined }), restMs: () => 0 },
      refused: (app, why) => void this.refusals.push(`${app}: ${why}`),
      now: () => 1_700_000_000_000,
    },
    { dataBytesMax: 100, jsonDepthMax: 8 },
  )

  call(
    name: 'events' | 'batchEvents',
    value: unknown,
    { app = '3', key = 'k1', secret = 's1', traceparent }: Partial<Record<string, string>> = {},
  ): Promise<object> {
    const body = JSON.stringify(value)
    const path = `/apps/${app}/${name === 'events' ? 'events' : 'batch_events'}`
    const query = new URLSearchParams({
      auth_key: key,
      auth_timestamp: '1700000000',
      auth_version: '1.0',
      body_md5: createHash('md5').update(body).digest('hex'),
    })
    query.set('auth_signature', signatureOf(secret, requestText('POST', path, query)))
    return this.api[name]({
      app,
      named: '',
      method: 'POST',
      path,
      query: String(query),
      traceparent,
      body: () => (this.bodiesRead++, Promise.resolve(body)),
    })
  }
}

const EVENT = { name: 'App\\Events\\Sold', channels: ['news', 'private-a,b'], data: '{"n":1.0}' }

describe('an event of a backend', () => {
  it('goes to each of its channels in the namespace of the app, but not to the socket that caused it', async () => {
    const world = new World()
    expect(await world.call('events', { ...EVENT, socket_id: '12.34' })).toEqual({})
    expect(world.published).toMatchObject(
      ['shop:news', 'shop:private-a=2Cb'].map((channel) => ({
        door: 'http',
        target: { channel, internal: true },
        payload: { data: Buffer.from('{"n":1.0}'), binary: false },
        meta: { event: EVENT.name, exclude: sessionIdOf('12.34') },
      })),
    )
  })

  it('may be one of a batch, in order, and of a batch with a wrong one none goes out', async () => {
    const world = new World()
    const batch = ['a', 'b', 'c'].map((channel) => ({ name: 'e', channel, data: 'x' }))
    expect(await world.call('batchEvents', { batch })).toEqual({})
    expect(world.published.map(({ target }) => target)).toEqual(
      ['shop:a', 'shop:b', 'shop:c'].map((channel) => ({ channel, internal: true })),
    )
    const wrong = { batch: [...batch, { name: 'e', channel: 'no channel', data: 'x' }] }
    await expect(world.call('batchEvents', wrong)).rejects.toThrow('no channel')
    expect(world.published.length).toBe(3)
  })

  it('goes to all channels where one fails, and that one is told', async () => {
    const world = new World()
    world.broken = 'shop:news'
    await expect(world.call('events', EVENT)).rejects.toMatchObject({ code: 'unavailable' })
    expect(world.published.length).toBe(2)
  })

  it('of another app is refused, and the log hears of it', async () => {
    const world = new World()
    await expect(world.call('events', EVENT, { app: '4' })).rejects.toMatchObject({ status: 401 })
    await expect(world.call('events', EVENT, { secret: 's2' })).rejects.toMatchObject({ status: 401 })
    await expect(world.call('events', EVENT, { app: '5' })).rejects.toMatchObject({ status: 404 })
    expect(world.refusals).toEqual([
      expect.stringContaining('4: auth_key'),
      expect.stringContaining('3: auth_signature'),
    ])
    expect(world.published).toEqual([])
    expect(world.bodiesRead).toBe(0)
  })

  it.each([
    [{ ...EVENT, name: '' }, 'name'],
    [{ ...EVENT, channels: [] }, '1 to 100'],
    [{ ...EVENT, channels: Array.from({ length: 101 }, () => 'a') }, '1 to 100'],
    [{ ...EVENT, channels: 'news' }, 'list'],
    [{ ...EVENT, channels: ['chat:a'] }, 'no channel'],
    [{ ...EVENT, channels: ['a', 'private-encrypted-b'] }, 'encrypted'],
    [{ ...EVENT, socket_id: 'x' }, 'socket_id'],
    [{ ...EVENT, info: 'members' }, 'count'],
    [{ ...EVENT, data: undefined }, 'data is missing'],
    [{ ...EVENT, data: 'x'.repeat(101) }, '100 bytes'],
    [[], 'object'],
  ])('%j is refused, and says why', async (body, why) => {
    await expect(new World().call('events', body)).rejects.toThrow(why)
  })

  it('has as its data for clients of Pusher exactly the text that it had', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      fc.json().map((json) => ` ${json}\n`),
      fc.constantFrom('"a"', '""', '{"a":\n1}', '[', '{}', ''),
    )
    fc.assert(
      fc.property(texts, (text) => {
        const { data } = payloadOf(text, 10_000)
        const kept = Buffer.from(data).toString()
        expect(() => JSON.parse(kept) as unknown).not.toThrow()
        expect(dataOf(kept)).toBe(text)
        expect(JSON.parse(channelEvent('e', 'c', kept))).toEqual({ event: 'e', channel: 'c', data: text })
      }),
    )
  })
})

it('a message belongs to the trace of the request that it came with', async () => {
  const world = new World()
  const traceparent = `00-${'a1'.repeat(16)}-00f067aa0ba902b7-01`
  await world.call('events', EVENT, { traceparent })
  await world.call('batchEvents', { batch: [{ name: 'e', channel: 'news', data: '1' }] }, { traceparent })
  expect(world.published.map(({ trace }) => trace)).toEqual(Array.from({ length: 3 }, () => traceparent))
})

describe('a question of a backend', () => {
  async function ask(
    world: World,
    call: 'channels' | 'channel' | 'users' | 'terminateConnections',
    named = '',
    asked: Record<string, string> = {},
  ): Promise<object> {
    const method = call === 'terminateConnections' ? 'POST' : 'GET'
    const query = new URLSearchParams({
      ...asked,
      auth_key: 'k1',
      auth_timestamp: '1700000000',
      auth_version: '1.0',
    })
    query.set('auth_signature', signatureOf('s1', requestText(method, '/x', query)))
    return world.api[call]({
      app: '3',
      named,
      method,
      path: '/x',
      query: String(query),
      traceparent: undefined,
      body: () => Promise.resolve(''),
    })
  }

  it('is answered of the channels of its app, by their own names', async () => {
    const world = new World()
    expect(await ask(world, 'channels')).toEqual({ channels: { news: {}, 'presence-a,b': {} } })
    const info = { filter_by_prefix: 'presence-a,', info: 'user_count,subscription_count' }
    expect(await ask(world, 'channels', '', info)).toEqual({
      channels: { 'presence-a,b': { user_count: 1, subscription_count: 3 } },
    })
    expect(await ask(world, 'channel', 'news', { info: 'subscription_count' })).toEqual({
      occupied: true,
      subscription_count: 2,
    })
    expect(await ask(world, 'channel', 'cache-none', { info: 'cache' })).toEqual({
      occupied: false,
      cache: null,
    })
    expect(await ask(world, 'users', 'presence-a,b')).toEqual({ users: [{ id: 'ann' }] })
  })

  it('ends the connections of a user of its app', async () => {
    const world = new World()
    expect(await ask(world, 'terminateConnections', 'ann')).toEqual({})
    expect(world.signedOut).toEqual(['3:ann'])
  })

  it.each([
    ['channels', '', { info: 'user_count' }],
    ['channels', '', { info: 'members' }],
    ['channel', 'news', { info: 'user_count' }],
    ['channel', 'a b', {}],
    ['users', 'news', {}],
  ] as const)('%s of %j with %j cannot be answered', async (call, named, asked) => {
    await expect(ask(new World(), call, named, asked)).rejects.toMatchObject({ code: 'bad_request' })
  })

  it('of its event is answered with it, in a batch one for each', async () => {
    const world = new World()
    const event = { name: 'x', data: '{}' }
    const channels = ['news', 'presence-a,b']
    expect(await world.call('events', { ...event, channels, info: 'user_count,subscription_count' })).toEqual(
      {
        channels: {
          news: { subscription_count: 2 },
          'presence-a,b': { user_count: 1, subscription_count: 3 },
        },
      },
    )
    const batch = [
      { ...event, channel: 'news' },
      { ...event, channel: 'other', info: 'subscription_count' },
    ]
    expect(await world.call('batchEvents', { batch })).toEqual({ batch: [{}, { subscription_count: 0 }] })
  })
})
