/** What an app of Pusher may, what is seen of another one, and tokens in the place of signatures. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { APPS, backendOf, CHAT, RawPusher, SHOP } from '../support/pusher.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

let node: StartedNode

beforeAll(async () => {
  node = await startNode({
    dialects: {
      pusher: {
        apps: APPS,
        tokens: true,
        limits: { [CHAT.id]: { connections: 2, eventsPerSecond: 1, clientEventsPerSecond: 1 } },
      },
    },
  })
})
afterAll(() => node.close())

it('nothing of one app is seen in another: who is there, what is occupied, what is cached, what is said', async () => {
  const [shop, chat] = [await RawPusher.connect(node), await RawPusher.connect(node, CHAT)]
  await shop.join('presence-room', { user_id: 'ann' })
  await backendOf(node).trigger('cache-news', 'told', { secret: 1 })
  const { data } = await chat.join('presence-room', { user_id: 'ben' })
  expect(JSON.parse(data as string)).toEqual({ presence: { ids: ['ben'], hash: { ben: null }, count: 1 } })
  chat.send('pusher:subscribe', { channel: 'cache-news' })
  await chat.next('pusher:cache_miss')
  shop.send('client-x', {}, 'presence-room')
  await backendOf(node).trigger('presence-room', 'event', {})
  await shop.next('event')
  await chat.settled()
  expect(chat.frames).toEqual([])
  const ask = async (app: typeof SHOP, path: string): Promise<unknown> =>
    (await backendOf(node, app).get({ path, params: {} })).json()
  expect(await ask(SHOP, '/channels')).toEqual({ channels: { 'presence-room': {} } })
  expect(await ask(CHAT, '/channels')).toEqual({ channels: { 'presence-room': {}, 'cache-news': {} } })
  expect(await ask(SHOP, '/channels/presence-room/users')).toEqual({ users: [{ id: 'ann' }] })
  // What the prefix of the other app would name is a channel of one's own.
  const cached = await backendOf(node, CHAT).get({ path: '/channels/cache-news', params: { info: 'cache' } })
  expect(await cached.json()).toEqual({ occupied: true, cache: null })
  for (const raw of [shop, chat]) raw.socket.close()
  await Promise.all([shop.closed, chat.closed])
})

it('an app has no more clients than it may, and no more events a second, and the others have theirs', async () => {
  const two = [await RawPusher.connect(node, CHAT), await RawPusher.connect(node, CHAT)]
  const third = new RawPusher(node, `/app/${CHAT.key}?protocol=7`, CHAT)
  expect(await third.closed).toMatchObject({
    code: 4004,
    reason: expect.stringContaining('dialects.pusher.limits'),
  })
  const shop = await RawPusher.connect(node)
  const [one, other] = two as [RawPusher, RawPusher]
  for (const raw of two) await raw.join('private-a')
  for (let i = 0; i < 101; i++) one.send('client-x', { i }, 'private-a')
  await other.next('client-x')
  const { data } = await one.next('pusher:error')
  expect(data).toMatchObject({ code: 4301 })
  const many = Array.from({ length: 100 }, (_, i) => `c${i}`)
  await backendOf(node, CHAT).trigger(many, 'x', {})
  await expect(backendOf(node, CHAT).trigger('c', 'x', {})).rejects.toMatchObject({ status: 429 })
  await backendOf(node).trigger('c', 'x', {})
  for (const raw of [...two, shop]) raw.socket.close()
  await Promise.all([...two, shop].map(({ closed }) => closed))
  const again = await RawPusher.connect(node, CHAT)
  again.socket.close()
})

it('a token of the gateway is taken for a signature where it allows the channel, again and again', async () => {
  const auth = await node.token('ann', { subscribe: ['shop:private-*', 'shop:presence-*'] })
  for (let time = 0; time < 2; time++) {
    const raw = await RawPusher.connect(node)
    raw.send('pusher:subscribe', { channel: 'private-mine', auth })
    await raw.next('pusher_internal:subscription_succeeded')
    const channelData = JSON.stringify({ user_id: 'somebody else' })
    raw.send('pusher:subscribe', { channel: 'presence-room', auth, channel_data: channelData })
    const { data } = await raw.next('pusher_internal:subscription_succeeded')
    expect(data).toContain('"ids":["ann"]')
    raw.send('pusher:subscribe', { channel: '#server-to-user-ann', auth })
    expect(await raw.next('pusher:subscription_error')).toMatchObject({ data: { status: 403 } })
    raw.send('pusher:subscribe', { channel: 'cache-other', auth })
    const refused = await raw.next('pusher:subscription_error')
    expect(refused.data).toMatchObject({
      type: 'AuthError',
      error: expect.stringContaining('shop:cache-other'),
    })
    raw.send('pusher:subscribe', { channel: 'private-mine', auth: `${auth}x` })
    expect(await raw.next('pusher:subscription_error')).toMatchObject({ data: { status: 401 } })
    // A connection of another app names another channel by the same name.
    const chat = await RawPusher.connect(node, CHAT)
    chat.send('pusher:subscribe', { channel: 'private-mine', auth })
    await chat.next('pusher:subscription_error')
    for (const one of [raw, chat]) one.socket.close()
    await chat.closed
  }
})

it('a channel and an event have as many characters as at Pusher, and one more is refused by name', async () => {
  const raw = await RawPusher.connect(node)
  const channel = `private-${'c'.repeat(156)}`
  const event = 'e'.repeat(200)
  await raw.join(channel)
  await backendOf(node).trigger(channel, event, { n: 1 })
  expect(await raw.next(event)).toMatchObject({ channel, data: '{"n":1}' })
  const other = await RawPusher.connect(node)
  await other.join(channel)
  other.send(`client-${'e'.repeat(193)}`, {}, channel)
  await raw.next(`client-${'e'.repeat(193)}`)
  other.send(`client-${'e'.repeat(194)}`, {}, channel)
  expect((await other.next('pusher:error')).data).toMatchObject({ message: expect.stringContaining('200') })
  raw.send('pusher:subscribe', { channel: 'c'.repeat(201) })
  expect((await raw.next('pusher:subscription_error')).data).toMatchObject({
    error: expect.stringContaining('a channel is 1 to 200'),
  })
  const asked = await backendOf(node).get({ path: `/channels/${channel}`, params: {} })
  expect(await asked.json()).toMatchObject({ occupied: true })
  for (const one of [raw, other]) one.socket.close()
})

it('who finds no room is let in, and closed with 4100 before it is told anything', async () => {
  const full = await startNode({ dialects: { pusher: { apps: APPS } }, limits: { connections: 1 } })
  const first = await RawPusher.connect(full)
  const second = new RawPusher(full, `/app/${SHOP.key}?protocol=7`)
  const opened = new Promise((resolve) => second.socket.once('open', () => resolve('opened')))
  expect([await opened, await second.closed]).toMatchObject(['opened', { code: 4100 }])
  expect(second.frames).toEqual([])
  // Clients of this version know a reason by an error before the close.
  const old = new RawPusher(full, `/app/${SHOP.key}?protocol=5`)
  expect((await old.closed).code).toBe(4100)
  expect(old.frames).toMatchObject([{ event: 'pusher:error', data: { code: 4100 } }])
  await first.settled()
  first.socket.terminate()
  await full.close()
})
