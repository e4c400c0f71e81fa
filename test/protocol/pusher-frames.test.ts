/** The protocol of Pusher frame by frame: what the published clients never do, or never show. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { APPS, backendOf, CHAT, RawPusher, SHOP } from '../support/pusher.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

let node: StartedNode
const open: RawPusher[] = []

beforeAll(async () => {
  node = await startNode({ dialects: { pusher: { apps: APPS } }, namespaces: { chat: { presence: true } } })
})
afterAll(() => node.close())
afterEach(() => {
  for (const one of open.splice(0)) one.socket.terminate()
})

async function connect(app = SHOP, protocol = 7): Promise<RawPusher> {
  const raw = await RawPusher.connect(node, app, protocol)
  open.push(raw)
  return raw
}

describe('a connection', () => {
  it.each([
    ['/app/key-one', 4008],
    ['/app/key-one?protocol=8', 4007],
    ['/app/key-one?protocol=x', 4006],
    ['/app/none?protocol=7', 4001],
    ['/app/key-one/more?protocol=7', 4005],
    ['/app?protocol=7', 4005],
  ])('to %s is let in and closed with %i', async (path, code) => {
    const raw = new RawPusher(node, path)
    expect((await raw.closed).code).toBe(code)
    expect(raw.frames).toEqual([])
  })

  it('of an old client is told why before it is closed', async () => {
    const raw = new RawPusher(node, '/app/none?client=x&version=1&protocol=5')
    expect((await raw.closed).code).toBe(4001)
    expect(raw.frames).toEqual([
      { event: 'pusher:error', data: { code: 4001, message: 'there is no app with this key' } },
    ])
  })

  it.each([5, 6, 7])(
    'of protocol %i has a socket_id of its own, and is answered a ping',
    async (protocol) => {
      const [one, other] = [await connect(SHOP, protocol), await connect(SHOP, protocol)]
      expect(one.socketId).toMatch(/^\d+\.\d+$/)
      expect(one.socketId).not.toBe(other.socketId)
      one.send('pusher:pong', {})
      await one.settled()
    },
  )

  it('outlives frames that are none, and is told what is wrong with each', async () => {
    const raw = await connect()
    raw.socket.send('{')
    raw.socket.send(Buffer.from([1, 2]))
    raw.socket.send('{"event":"news"}')
    for (const why of [/JSON/, /text/, /no event/]) {
      const { data } = await raw.next('pusher:error')
      expect(data).toEqual({ code: null, message: expect.stringMatching(why) as string })
    }
    await raw.settled()
  })
})

describe('a subscribe', () => {
  it('to a channel with a signature that is not for it, this socket and this app is refused', async () => {
    const [raw, other] = [await connect(), await connect()]
    const channel = 'private-a'
    const stranger = await connect(CHAT)
    const auths = [undefined, 'x', raw.auth('private-b'), other.auth(channel), stranger.auth(channel)]
    for (const auth of auths) raw.send('pusher:subscribe', { channel, auth })
    for (const _ of auths) {
      const { data, channel: named } = await raw.next('pusher:subscription_error')
      expect([named, data]).toEqual([
        channel,
        { type: 'AuthError', error: expect.any(String) as string, status: 401 },
      ])
    }
    raw.send('client-x', {}, channel)
    expect(await raw.next('pusher:error')).toMatchObject({ data: { code: 4009 } })
  })

  // The auth endpoint of pusher-js' own suite says who it is for every channel, and signs that.
  it('to a private channel may be signed with its channel_data, and to a presence channel has to be', async () => {
    const raw = await connect()
    const data = '{"user_id":"1"}'
    const subscribe = (channel: string, signed: string): void =>
      raw.send('pusher:subscribe', { channel, auth: raw.auth(signed), channel_data: data })
    for (const [channel, signed] of [
      ['private-a', `private-a:${data}`],
      ['private-b', 'private-b'],
      ['presence-c', `presence-c:${data}`],
    ] as const) {
      subscribe(channel, signed)
      expect(await raw.next('pusher_internal:subscription_succeeded')).toMatchObject({ channel })
    }
    for (const [channel, signed] of [
      ['presence-d', 'presence-d'],
      ['private-e', 'private-e:{"user_id":"2"}'],
    ] as const) {
      subscribe(channel, signed)
      expect(await raw.next('pusher:subscription_error')).toMatchObject({ channel, data: { status: 401 } })
    }
  })

  it('names members by numbers that JavaScript would round, and they stay two', async () => {
    const [raw, other] = [await connect(), await connect()]
    const member = (client: RawPusher, id: string): void => {
      const data = `{"user_id":${id}}`
      const auth = client.auth(`presence-big:${data}`)
      client.send('pusher:subscribe', { channel: 'presence-big', auth, channel_data: data })
    }
    member(raw, '9007199254740993')
    await raw.next('pusher_internal:subscription_succeeded')
    member(other, '9007199254740992')
    expect(await raw.next('pusher_internal:member_added')).toMatchObject({
      data: '{"user_id":"9007199254740992"}',
    })
  })

  it('to what is no channel is refused', async () => {
    const raw = await connect()
    raw.subscribe('a b')
    expect(await raw.next('pusher:subscription_error')).toMatchObject({
      channel: 'a b',
      data: { status: 400 },
    })
  })

  it('with any key of the app is taken, twice, and counts once', async () => {
    const raw = await connect({ ...SHOP, key: 'key-new', secret: 'secret-new' })
    expect(await raw.join('private-a')).toEqual({
      event: 'pusher_internal:subscription_succeeded',
      channel: 'private-a',
      data: '{}',
    })
    await raw.join('private-a')
    raw.send('pusher:unsubscribe', { channel: 'private-a' })
    await raw.settled()
    await backendOf(node).trigger('private-a', 'late', {})
    await raw.join('news')
    await backendOf(node).trigger('news', 'seen', {})
    await raw.next('seen')
    expect(raw.frames).toEqual([])
  })

  it('that is taken back at once leaves nobody on the channel', async () => {
    const raw = await connect()
    raw.subscribe('news')
    raw.send('pusher:unsubscribe', { channel: 'news' })
    await raw.settled()
    await expect
      .poll(async () => (await (await node.api('GET', '/v1/channels/shop:news')).json()) as object)
      .toMatchObject({
        subscribers: { local: 0 },
      })
  })
})

describe('an event', () => {
  it('of a backend reaches its channel of its app alone, with the data as a text', async () => {
    const [shop, chat] = [await connect(), await connect(CHAT)]
    await Promise.all([shop.join('a,b'), chat.join('a,b')])
    await backendOf(node).trigger('a,b', 'App\\Events\\Sold', { n: 1 })
    await backendOf(node, CHAT).trigger('a,b', 'other', 'a "text"')
    expect(await shop.next('App\\Events\\Sold')).toEqual({
      event: 'App\\Events\\Sold',
      channel: 'a,b',
      data: '{"n":1}',
    })
    expect(await chat.next('other')).toEqual({ event: 'other', channel: 'a,b', data: 'a "text"' })
    await Promise.all([shop.settled(), chat.settled()])
    expect([shop.frames, chat.frames]).toEqual([[], []])
  })

  it('does not come to the socket that a backend leaves out', async () => {
    const [one, other] = [await connect(), await connect()]
    await Promise.all([one.join('news'), other.join('news')])
    await backendOf(node).trigger('news', 'first', {}, { socket_id: one.socketId })
    await backendOf(node).trigger('news', 'second', {})
    expect((await one.next('second')).event).toBe('second')
    await other.next('first')
  })

  it('of a client goes to the others on the channel, and not back', async () => {
    const [one, other] = [await connect(), await connect()]
    await Promise.all([one.join('private-a'), other.join('private-a')])
    one.send('client-typing', { who: 'ann' }, 'private-a')
    other.send('client-typing', 'text', 'private-a')
    expect(await other.next('client-typing')).toEqual({
      event: 'client-typing',
      channel: 'private-a',
      data: '{"who":"ann"}',
    })
    expect(await one.next('client-typing')).toMatchObject({ data: 'text' })
    await Promise.all([one.settled(), other.settled()])
    expect([one.frames, other.frames]).toEqual([[], []])
  })

  it('of a client is refused on other channels, and beyond ten at once', async () => {
    const raw = await connect()
    for (const channel of ['news', 'private-encrypted-a', 'private-a']) await raw.join(channel)
    for (const channel of ['news', 'private-encrypted-a', 'private-other']) {
      raw.send('client-x', {}, channel)
      expect(await raw.next('pusher:error')).toMatchObject({ data: { code: 4009 } })
    }
    for (let i = 0; i < 30; i++) raw.send('client-x', i, 'private-a')
    expect(await raw.next('pusher:error')).toMatchObject({ data: { code: 4301 } })
    await raw.settled()
  })
})

describe('a cache channel', () => {
  it('gives who comes its last event of a backend, at once after it has succeeded, else a miss', async () => {
    const [one, other] = [await connect(), await connect()]
    await one.join('private-cache-a')
    expect(await one.next('pusher:cache_miss')).toEqual({
      event: 'pusher:cache_miss',
      channel: 'private-cache-a',
      data: '{}',
    })
    for (const n of [1, 2]) await backendOf(node).trigger('private-cache-a', 'price', { n })
    one.send('client-x', {}, 'private-cache-a')
    await one.settled()
    await expect.poll(() => one.frames.map(({ event }) => event)).toEqual([])
    await other.join('private-cache-a')
    expect(other.frames[0] ?? (await other.next('price'))).toEqual({
      event: 'price',
      channel: 'private-cache-a',
      data: '{"n":2}',
    })
    await backendOf(node).trigger('private-cache-a', 'live', {})
    await other.next('live')
    await other.join('private-cache-a')
    await other.settled()
    expect(other.frames).toEqual([])
  })
})

describe('a sign-in', () => {
  it('opens the channel of that user, and of nobody else, to whom a backend sends', async () => {
    const raw = await connect()
    const user = { id: 'ann é@example.com', user_info: { name: 'Ann' } }
    const channel = `#server-to-user-${user.id}`
    raw.send('pusher:subscribe', { channel, auth: '' })
    expect(await raw.next('pusher:subscription_error')).toMatchObject({ channel })
    raw.signIn(user)
    expect(await raw.next('pusher:signin_success')).toEqual({
      event: 'pusher:signin_success',
      data: { user_data: JSON.stringify(user) },
    })
    raw.send('pusher:subscribe', { channel, auth: '' })
    expect((await raw.next('pusher_internal:subscription_succeeded')).channel).toBe(channel)
    await backendOf(node).sendToUser(user.id, 'hello', { n: 1 })
    expect(await raw.next('hello')).toEqual({ event: 'hello', channel, data: '{"n":1}' })
    raw.send('pusher:subscribe', { channel: '#server-to-user-bob', auth: '' })
    await raw.next('pusher:subscription_error')
  })

  it('with a wrong signature, without an id, or as somebody else is refused, and the connection goes on', async () => {
    const raw = await connect()
    raw.send('pusher:signin', { auth: raw.auth('x'), user_data: '{"id":"1"}' })
    raw.signIn({ id: '' })
    raw.signIn({ id: 7 })
    raw.signIn({ id: '1' })
    raw.signIn({ id: '2' })
    for (let i = 0; i < 4; i++) expect(await raw.next('pusher:error')).toMatchObject({ data: { code: 4009 } })
    await raw.settled()
  })
})
