import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createHmac } from 'node:crypto'
import { Centrifuge } from 'centrifuge'
import { Centrifuge as ProtobufCentrifuge } from 'centrifuge/build/protobuf'
import { WebSocket } from 'ws'
import { createClient } from '../../src/client/node.ts'
import { NatsLink } from '../../src/drivers/nats.ts'
import { EventStream } from '../support/event-stream.ts'
import { comes } from '../support/patience.ts'
import { RawClient } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** A backend puts users on channels and takes them off, at whatever node, over whatever door. */

let cluster: StartedCluster
let one: StartedNode
let two: StartedNode
const NONE = { subscribe: [] }

beforeAll(async () => {
  cluster = await startCluster(2, {
    dialects: { centrifuge: {} },
    namespaces: {
      room: { presence: true },
      live: { delivery: 'ephemeral' },
      ask: { clientPublish: 'forward' },
    },
  })
  ;[one, two] = cluster.nodes as [StartedNode, StartedNode]
})
afterAll(() => cluster.close())

const socket = async (
  node: StartedNode,
  user: string,
  more: object = {},
): Promise<{ client: RawClient; welcome: Readonly<Record<string, unknown>> }> =>
  RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token: await node.token(user, NONE), ...more })

const ask = async (verb: string, user: string, body: object, node = one): Promise<unknown> => {
  const answer = await node.api('POST', `/v1/users/${user}/${verb}`, body)
  return answer.json()
}

const on = (channel: string) => (frame: Readonly<Record<string, unknown>>) =>
  frame['type'] === 'message' && frame['channel'] === channel

it('WebSockets of a user on both nodes get what is published, and still after one has come to the other node', async () => {
  const [ann, other] = [await socket(one, 'ann'), await socket(two, 'ann')]
  expect(await ask('subscribe', 'ann', { channels: ['news', 'live:1'] })).toEqual({
    user: 'ann',
    sessions: 2,
  })
  const put = await ann.client.find(({ type, channel }) => type === 'subscribed' && channel === 'news')
  expect(put).toMatchObject({ byBackend: true, epoch: expect.any(String), offset: 0 })
  expect(put).not.toHaveProperty('ref')
  await other.client.find(({ type, channel }) => type === 'subscribed' && channel === 'live:1')
  await two.publish({ channel: 'news', data: 1 })
  for (const { client } of [ann, other]) expect(await client.find(on('news'))).toMatchObject({ data: 1 })
  ann.client.cut()
  await one.publish({ channel: 'news', data: 'missed' })
  const { epoch } = put
  const again = await socket(two, 'ann', {
    session: ann.welcome['session'],
    resume: { news: { epoch, offset: 1 } },
  })
  expect(again.welcome['channels']).toMatchObject({
    news: { epoch, recovered: true, byBackend: true },
    'live:1': { recovered: false, byBackend: true },
  })
  expect(await again.client.find(on('news'))).toMatchObject({ data: 'missed' })
  expect(await (await two.api('GET', '/v1/users/ann/channels')).json()).toMatchObject({
    channels: expect.arrayContaining([{ channel: 'news' }, { channel: 'live:1' }]) as unknown,
  })
  expect(await ask('unsubscribe', 'ann', { channels: ['news', 'live:1'] }, two)).toMatchObject({
    sessions: 2,
  })
  const taken = await again.client.find(({ type, channel }) => type === 'unsubscribed' && channel === 'news')
  expect(taken).toEqual({ type: 'unsubscribed', channel: 'news', byBackend: true })
  for (const { client } of [again, other]) client.cut()
})

it('the SDK tells of it, and whoever subscribes then misses nothing', async () => {
  const client = createClient({
    url: `ws://127.0.0.1:${two.port}/v1/ws`,
    token: await two.token('cat', NONE),
  })
  const seen: unknown[] = []
  const ended: unknown[] = []
  const told: string[] = []
  client.on('subscribed', ({ channel }) => {
    told.push(channel)
    client.subscribe(channel, ({ data }) => seen.push([channel, data]), {
      onError: ({ code, message }) => ended.push([code, message]),
    })
  })
  await client.connect()
  await ask('subscribe', 'cat', { channels: ['news:cat', 'live:cat'] })
  // What keeps no messages begins when the session is on it.
  await expect.poll(() => told).toContain('live:cat')
  await one.publish(['news:cat', 'live:cat'].map((channel) => ({ channel, data: 'now' })))
  await expect.poll(() => seen.length).toBe(2)
  expect(seen).toEqual(
    expect.arrayContaining([
      ['news:cat', 'now'],
      ['live:cat', 'now'],
    ]),
  )
  await ask('unsubscribe', 'cat', { channels: ['news:cat'] })
  await expect.poll(() => ended).toEqual([['forbidden', 'news:cat: a backend has ended it']])
  client.close()
})

describe('a stream', () => {
  const open = async (user: string, id?: string): Promise<EventStream> =>
    EventStream.open(
      `http://127.0.0.1:${two.port}/v1/sse?token=${await two.token(user, { subscribe: ['mine'] })}&channels=mine`,
      id === undefined ? {} : { 'last-event-id': id },
    )

  it('goes on with all of its channels from its last event, whichever of them that was about', async () => {
    const stream = await open('eve')
    await stream.next('welcome')
    await ask('subscribe', 'eve', { channels: ['news:eve'] })
    expect((await stream.next('subscribed')).data).toMatchObject({ channel: 'news:eve', byBackend: true })
    await one.publish({ channel: 'news:eve', data: 1 })
    expect((await stream.next('message')).data).toMatchObject({ data: 1 })
    await one.publish({ channel: 'mine', data: 2 })
    const { id, data } = await stream.next('message')
    expect(data).toMatchObject({ channel: 'mine', data: 2 })
    stream.close()
    await one.publish({ channel: 'news:eve', data: 3 })
    const again = await open('eve', id)
    const { channels } = (await again.next('welcome')).data as { channels: object }
    expect(channels).toMatchObject({
      'news:eve': { recovered: true, byBackend: true },
      mine: { recovered: true },
    })
    expect((await again.next('message')).data).toMatchObject({ channel: 'news:eve', data: 3 })
    await ask('unsubscribe', 'eve', { channels: ['news:eve'] })
    expect((await again.next('unsubscribed')).data).toMatchObject({ channel: 'news:eve', byBackend: true })
    await one.publish([{ channel: 'news:eve', data: 4 }])
    await one.publish([{ channel: 'mine', data: 5 }])
    expect((await again.next('message')).data).toMatchObject({ channel: 'mine', data: 5 })
    again.close()
  })
})

it('a poll is answered at once, and the next one has the messages in between', async () => {
  const token = await one.token('dan', NONE)
  const poll = async (cursor: string, wait: number): Promise<Readonly<Record<string, unknown>>> => {
    const url = `http://127.0.0.1:${one.port}/v1/poll?token=${token}&wait=${wait}&cursor=${encodeURIComponent(cursor)}`
    return (await (await fetch(url)).json()) as Readonly<Record<string, unknown>>
  }
  const first = await poll('', 0)
  const waiting = poll(first['cursor'] as string, 60)
  await expect
    .poll(
      async () =>
        ((await (await one.api('GET', '/v1/users/dan')).json()) as { sessions: object[] }).sessions.length,
    )
    .toBe(1)
  await ask('subscribe', 'dan', { channels: ['news:dan'] }, two)
  const told = await waiting
  expect(told['events']).toMatchObject([{ type: 'subscribed', channel: 'news:dan', byBackend: true }])
  await two.publish({ channel: 'news:dan', data: 'between' })
  expect((await poll(told['cursor'] as string, 0))['messages']).toMatchObject([{ data: 'between' }])
})

it('over NATS a request puts a user on channels, and a bad one is told why', async () => {
  const backend = new NatsLink({ urls: [cluster.nats.url], name: 'backend' })
  backend.start()
  await backend.flush(10_000)
  const request = async (subject: string, payload: unknown): Promise<unknown> => {
    const { data } = await backend.request(subject, Buffer.from(JSON.stringify(payload)), 10_000, {})
    return JSON.parse(Buffer.from(data).toString())
  }
  const { client } = await socket(one, 'fay')
  expect(await request('sluice.subscribe.fay', { channels: ['news:fay'] })).toEqual({
    user: 'fay',
    sessions: 1,
  })
  await client.find(({ type, channel }) => type === 'subscribed' && channel === 'news:fay')
  expect(await request('sluice.unsubscribe.fay', { channels: ['news:fay'] })).toEqual({
    user: 'fay',
    sessions: 1,
  })
  await client.find(({ type, channel }) => type === 'unsubscribed' && channel === 'news:fay')
  for (const bad of [{ channels: [] }, { channels: ['a b'] }, [], { channels: ['a'], session: 7 }])
    expect(await request('sluice.subscribe.fay', bad)).toMatchObject({ error: { code: 'bad_request' } })
  client.cut()
  await backend.close()
})

it('the channels that somebody is on are listed from both nodes, page by page, with the users in them', async () => {
  const clients = [await socket(one, 'gil'), await socket(two, 'gil'), await socket(two, 'hal')]
  for (const user of ['gil', 'hal']) await ask('subscribe', user, { channels: ['room:a', 'room:b'] })
  await ask('subscribe', 'gil', { channels: ['room:c'] })
  for (const [index, { client }] of clients.entries())
    await client.find(
      ({ type, channel }) => type === 'subscribed' && channel === (index < 2 ? 'room:c' : 'room:b'),
    )
  const list = async (query: string): Promise<unknown> =>
    (await one.api('GET', `/v1/channels?prefix=room:&${query}`)).json()
  await expect
    .poll(() => list('users=true&limit=2'))
    .toEqual({
      channels: [
        { channel: 'room:a', connections: 3, users: 2 },
        { channel: 'room:b', connections: 3, users: 2 },
      ],
      next: 'room:b',
    })
  expect(await list('after=room:b')).toEqual({ channels: [{ channel: 'room:c', connections: 2 }] })
  for (const { client } of clients) client.cut()
})

interface Opened {
  readonly client: Centrifuge
  readonly seen: unknown[]
  readonly told: unknown[]
}

/** As Centrifugo has it, without a claim of the gateway. */
function centrifugoToken(claims: object): string {
  const parts = [{ alg: 'HS256' }, { iat: Math.floor(Date.now() / 1000), ...claims }]
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${text}.${createHmac('sha256', one.secret).update(text).digest('base64url')}`
}

describe.each([
  { build: 'JSON', Client: Centrifuge, plain: (data: unknown) => data, bytes: (data: unknown) => data },
  {
    build: 'Protobuf',
    Client: ProtobufCentrifuge as unknown as typeof Centrifuge,
    plain: (data: unknown) => JSON.parse(new TextDecoder().decode(data as Uint8Array)) as unknown,
    bytes: (data: unknown) => new TextEncoder().encode(JSON.stringify(data)),
  },
])('the $build build of the client of Centrifuge', ({ build, Client, plain, bytes }) => {
  const server = async (method: string, body: object): Promise<unknown> => {
    const answer = await one.api('POST', `/api/${method}`, body)
    return answer.json()
  }
  const open = (token: string): Opened => {
    const client = new Client(`ws://127.0.0.1:${two.port}/connection/websocket`, {
      websocket: WebSocket,
      token,
    })
    const [seen, told]: [unknown[], unknown[]] = [[], []]
    client.on('publication', ({ channel, data }) => seen.push([channel, plain(data)]))
    client.on('subscribed', ({ channel, recovered }) => told.push(['on', channel, recovered]))
    client.on('unsubscribed', ({ channel }) => told.push(['off', channel]))
    client.connect()
    return { client, seen, told }
  }

  it('is put on a channel by the server API of another node, and taken off it', async () => {
    const [user, channel] = [`ira-${build}`, `dialog#${build},2`]
    const { client, seen, told } = open(centrifugoToken({ sub: user }))
    await client.ready()
    expect(await server('subscribe', { user, channel })).toEqual({ result: {} })
    await expect.poll(() => told).toContainEqual(['on', channel, false])
    await server('publish', { channel, data: 1 })
    await expect.poll(() => seen).toEqual([[channel, 1]])
    expect(await server('channels', { pattern: 'dialog#*' })).toMatchObject({
      result: { channels: { [channel]: { num_clients: 1 } } },
    })
    client.disconnect()
    await server('publish', { channel, data: 'missed' })
    client.connect()
    await expect
      .poll(() => seen)
      .toEqual([
        [channel, 1],
        [channel, 'missed'],
      ])
    await server('unsubscribe', { user, channel })
    await expect.poll(() => told.at(-1)).toEqual(['off', channel])
    client.disconnect()
  })

  it('is on the channels that its token names, and on no others', async () => {
    const claims = { sub: 'jon', channels: [`team-${build}`], subs: { [`own-${build}`]: {} } }
    const { client, seen } = open(centrifugoToken(claims))
    await client.ready()
    for (const name of ['own', 'other', 'team'])
      await server('publish', { channel: `${name}-${build}`, data: name })
    await expect
      .poll(() => seen)
      .toEqual([
        [`own-${build}`, 'own'],
        [`team-${build}`, 'team'],
      ])
    client.disconnect()
  })

  it('is one of two connections of its user, and a backend tells, refreshes or ends each alone', async () => {
    const [user, channel] = [`lee-${build}`, `room:${build}`]
    const info = { name: 'Lee' }
    const reader = await socket(one, 'reader', { channels: {} })
    await ask('subscribe', 'reader', { channels: [channel] })
    const joined: unknown[] = []
    const [first, second] = [1, 2].map(() => open(centrifugoToken({ sub: user, info }))) as [Opened, Opened]
    const ends: unknown[] = []
    const ids: string[] = []
    for (const [index, { client, told }] of [first, second].entries()) {
      client.on('join', ({ info: { client: id, user: who } }) => joined.push([id, who]))
      client.on('disconnected', ({ code, reason }) => ends.push([code, reason]))
      client.on('connected', (context) => (ids[index] ??= context.client))
      client.on('subscribed', ({ channel: name, data }) => {
        if (name === channel && data !== undefined && data.length !== 0) told.push(plain(data))
      })
    }
    for (const { client } of [first, second]) await client.ready()
    expect(
      await server('subscribe', { user, channel, client: ids[0], data: { a: 1 }, info: { seat: 1 } }),
    ).toEqual({ result: {} })
    await expect.poll(() => first.told.at(-1)).toEqual({ a: 1 })
    await server('subscribe', { user, channel })
    await expect.poll(() => second.told).toContainEqual(['on', channel, false])
    await expect
      .poll(() => server('presence', { channel }))
      .toEqual({
        result: {
          presence: {
            reader: { user: 'reader', client: 'reader' },
            [ids[0] as string]: { user, client: ids[0], conn_info: info, chan_info: { seat: 1 } },
            [ids[1] as string]: { user, client: ids[1], conn_info: info },
          },
        },
      })
    expect(await server('presence_stats', { channel })).toEqual({ result: { num_clients: 3, num_users: 2 } })
    await expect.poll(() => joined).toContainEqual([ids[1], user])
    // Who knows users only hears of each once.
    const ofUser = (frame: Readonly<Record<string, unknown>>): boolean => frame['user'] === user
    await expect.poll(() => reader.client.frames.filter(ofUser)).toMatchObject([{ type: 'join', count: 2 }])

    const disconnect = { code: 4567, reason: 'elsewhere' }
    expect(await server('disconnect', { user, whitelist: [ids[1]], disconnect })).toEqual({ result: {} })
    await expect.poll(() => ends).toEqual([[4567, 'elsewhere']])
    expect(second.client.state).toBe('connected')
    const again = new Promise((resolve) => second.client.once('connecting', ({ code }) => resolve(code)))
    expect(await server('refresh', { user, client: ids[1], expired: true })).toEqual({ result: {} })
    expect(await comes('the close after which it comes again', again)).toBe(3005)
    for (const { client } of [first, second]) client.disconnect()
    await reader.client.find((frame) => ofUser(frame) && frame.type === 'leave')
    expect(reader.client.frames.filter(ofUser)).toHaveLength(2)
    reader.client.cut()
  })

  it('is given nothing of what was removed, by neither node', async () => {
    const channel = `gone-${build}`
    const { client, seen } = open(centrifugoToken({ sub: 'mia', channels: [channel] }))
    await client.ready()
    await server('publish', { channel, data: 1 })
    await expect.poll(() => seen).toEqual([[channel, 1]])
    client.disconnect()
    await server('publish', { channel, data: 2 })
    expect(await server('history_remove', { channel })).toEqual({ result: {} })
    // The other node hears of it a moment later, and before what is sent to it after that.
    const marker = `after-gone-${build}`
    const other = open(centrifugoToken({ sub: 'nora', channels: [marker] }))
    await other.client.ready()
    await server('publish', { channel: marker, data: 1 })
    await expect.poll(() => other.seen).toEqual([[marker, 1]])
    other.client.disconnect()
    const start = new Promise((resolve) => client.once('subscribed', resolve))
    client.connect()
    expect(await comes('the subscription', start)).toMatchObject({ wasRecovering: true, recovered: false })
    await server('publish', { channel, data: 3 })
    await expect
      .poll(() => seen)
      .toEqual([
        [channel, 1],
        [channel, 3],
      ])
    client.disconnect()
  })

  it('asks a backend by rpc', async () => {
    const backend = new NatsLink({ urls: [cluster.nats.url], name: 'backend' })
    backend.start()
    backend.subscribe('sluice.inbound.ask:sum', {}, (_subject, data, reply) => {
      const sum = (JSON.parse(data.toString()) as number[]).reduce((a, b) => a + b, 0)
      backend.publish(reply, Buffer.from(JSON.stringify({ data: { sum } })))
    })
    await backend.flush(10_000)
    const { client } = open(await two.token('kim'))
    await client.ready()
    const { data } = await client.rpc('ask:sum', bytes([1, 2, 3]))
    expect(plain(data)).toEqual({ sum: 6 })
    await expect(client.rpc('news', bytes([1]))).rejects.toMatchObject({ code: 108 })
    client.disconnect()
    await backend.close()
  })
})
