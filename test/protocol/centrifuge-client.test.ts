/** The published client of Centrifuge, in both its builds, against nodes of one cluster. */
import { createHmac } from 'node:crypto'
import {
  Centrifuge,
  type Options,
  type PublicationContext,
  type SubscribedContext,
  type Subscription,
} from 'centrifuge'
import { Centrifuge as ProtobufCentrifuge } from 'centrifuge/build/protobuf'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { startNode, type StartedNode } from '../support/start-node.ts'

const nodes: StartedNode[] = []
const clients: Centrifuge[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect()
  await Promise.all(nodes.splice(0).map((node) => node.close()))
})

async function start(settings: Parameters<typeof startNode>[0] = {}): Promise<StartedNode> {
  const node = await startNode({
    dialects: { centrifuge: {} },
    namespaces: { room: { presence: true, clientPublish: 'fanout' } },
    ...settings,
  })
  nodes.push(node)
  return node
}

function urlOf(node: StartedNode): string {
  return `ws://127.0.0.1:${node.port}/connection/websocket`
}

const BUILDS = [
  { build: 'JSON', Client: Centrifuge, data: (value: unknown) => value, read: (data: unknown) => data },
  {
    build: 'Protobuf',
    Client: ProtobufCentrifuge as unknown as typeof Centrifuge,
    data: (value: unknown) => new TextEncoder().encode(JSON.stringify(value)),
    read: (data: unknown) => JSON.parse(new TextDecoder().decode(data as Uint8Array)) as unknown,
  },
] as const

describe.each(BUILDS)('the $build build', ({ Client, data, read }) => {
  async function open(node: StartedNode, user: string, options: Partial<Options> = {}): Promise<Centrifuge> {
    const client = new Client(urlOf(node), {
      websocket: WebSocket,
      token: await node.token(user, { history: ['room:*'] }),
      minReconnectDelay: 1,
      maxReconnectDelay: 20,
      ...options,
    })
    clients.push(client)
    client.connect()
    await client.ready()
    return client
  }

  /** What a subscription is told, in order. */
  function follow(subscription: Subscription): {
    readonly seen: unknown[]
    readonly starts: SubscribedContext[]
  } {
    const seen: unknown[] = []
    const starts: SubscribedContext[] = []
    subscription.on('publication', (context: PublicationContext) => void seen.push(read(context.data)))
    subscription.on('subscribed', (context) => void starts.push(context))
    subscription.subscribe()
    return { seen, starts }
  }

  it('publishes, reads the history, and sees who is there', async () => {
    const node = await start()
    const [alice, bob] = await Promise.all([open(node, 'alice'), open(node, 'bob')])
    const subscription = bob.newSubscription('room:1')
    const { seen } = follow(subscription)
    await subscription.ready()
    await alice.publish('room:1', data({ n: 1 }))
    await node.publish({ channel: 'room:1', data: { n: 2 } })
    await expect.poll(() => seen).toEqual([{ n: 1 }, { n: 2 }])
    const history = await subscription.history({ limit: 10 })
    expect(
      history.publications.map(({ data: one, offset, info }) => [read(one), offset, info?.user]),
    ).toEqual([
      [{ n: 1 }, 1, 'alice'],
      [{ n: 2 }, 2, undefined],
    ])
    await expect
      .poll(async () => Object.values((await subscription.presence()).clients).map(({ user }) => user))
      .toEqual(['bob'])
    expect(await subscription.presenceStats()).toEqual({ numClients: 1, numUsers: 1 })
    await expect(alice.rpc('method', data({}))).rejects.toMatchObject({ code: 108 })
    await expect(alice.presence('news')).rejects.toMatchObject({ code: 108 })
  })

  it('goes on after a cut where it was, in each channel and in the inbox', async () => {
    const node = await start()
    const alice = await open(node, 'alice')
    const inbox: unknown[] = []
    alice.on('publication', ({ channel, data: one }) => void inbox.push([channel, read(one)]))
    const subscription = alice.newSubscription('news')
    const { seen, starts } = follow(subscription)
    await subscription.ready()
    await node.publish({ channel: 'news', data: 1 })
    await node.publish({ user: 'alice', data: 'a' })
    await expect.poll(() => [...seen, ...inbox]).toEqual([1, ['#alice', 'a']])
    const reconnected = new Promise((resolve) => alice.once('connecting', resolve))
    cut(alice)
    await reconnected
    await node.publish([2, 3].map((n) => ({ channel: 'news', data: n })))
    await node.publish({ user: 'alice', data: 'b' })
    await expect.poll(() => [...seen, ...inbox]).toEqual([1, 2, 3, ['#alice', 'a'], ['#alice', 'b']])
    expect(starts.map(({ wasRecovering, recovered }) => [wasRecovering, recovered])).toEqual([
      [false, false],
      [true, true],
    ])
  })
})

/** As a network does: without a word. */
function cut(client: Centrifuge): void {
  const { _transport } = client as unknown as { _transport: { _transport: WebSocket } }
  _transport._transport.terminate()
}

it('a token that has expired is replaced by a fresh one, and one that is none ends it', async () => {
  const node = await start()
  let asked = 0
  const client = new Centrifuge(urlOf(node), {
    websocket: WebSocket,
    token: await node.token('alice', { ttlSeconds: 10, issuedSecondsAgo: 600 }),
    getToken() {
      asked++
      return node.token('alice')
    },
    minReconnectDelay: 1,
  })
  clients.push(client)
  client.connect()
  await client.ready()
  expect(asked).toBe(1)
  const stranger = new Centrifuge(urlOf(node), { websocket: WebSocket, token: 'none' })
  clients.push(stranger)
  const ended = new Promise<{ code: number }>((resolve) => stranger.on('disconnected', resolve))
  stranger.connect()
  expect((await ended).code).toBe(3500)
})

it('without a token a client is let in where the configuration says so, to the channels that it says', async () => {
  const anonymous = { subscribe: ['room:*'], history: ['room:1'] }
  const node = await start({ dialects: { centrifuge: { anonymous } } })
  const client = new Centrifuge(urlOf(node), { websocket: WebSocket })
  clients.push(client)
  const connected = new Promise<{ client: string }>((resolve) => client.on('connected', resolve))
  client.connect()
  const room = client.newSubscription('room:1')
  room.subscribe()
  await room.ready()
  const { client: id } = await connected
  await expect.poll(async () => Object.keys((await room.presence()).clients)).toEqual([id])
  await expect(client.publish('room:1', 1)).rejects.toMatchObject({ code: 103 })
  expect((await client.history('room:1', { limit: 1 })).publications).toEqual([])
  await expect(client.history('room:2', { limit: 1 })).rejects.toMatchObject({ code: 103 })
  const closed = client.newSubscription('other')
  const refused = new Promise<{ code: number }>((resolve) => closed.on('unsubscribed', resolve))
  closed.subscribe()
  expect((await refused).code).toBe(103)
})

it('many commands in one frame count as many frames', async () => {
  const node = await start()
  const token = await node.token('alice')
  const socket = new WebSocket(urlOf(node))
  const closed = new Promise<number>((resolve) => socket.on('close', resolve))
  socket.on('open', () => socket.send(JSON.stringify({ id: 1, connect: { token } })))
  socket.once('message', () => socket.send(Array.from({ length: 3000 }, () => '{"send":{}}').join('\n')))
  expect(await closed).toBe(3013)
})

it('a page of another site is refused, and a node without the dialect has nothing there', async () => {
  const node = await start()
  await expect(handshake(urlOf(node), { origin: 'https://evil.example' })).resolves.toBe(403)
  const plain = await start({ dialects: {} })
  await expect(handshake(urlOf(plain), {})).resolves.not.toBe(101)
})

/** The status of the answer. */
function handshake(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, { headers })
    socket.on('open', () => resolve(101))
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0))
    socket.on('error', () => undefined)
  })
}

describe('tokens as Centrifugo has them, without a claim of the gateway', () => {
  /** HS256, by hand: the gateway's own mint writes its own claim. */
  function signed(node: StartedNode, claims: object): string {
    const parts = [{ alg: 'HS256' }, { iat: Math.floor(Date.now() / 1000), ...claims }]
    const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    return `${text}.${createHmac('sha256', node.secret).update(text).digest('base64url')}`
  }

  function open(node: StartedNode): Centrifuge {
    const client = new Centrifuge(urlOf(node), {
      websocket: WebSocket,
      token: signed(node, { sub: 'alice' }),
    })
    clients.push(client)
    client.connect()
    return client
  }

  it('let a client do what everybody may, and subscribe to the channel that a token of its own names', async () => {
    const everybody = { subscribe: ['news'], publish: [], history: ['news'] }
    const node = await start({ dialects: { centrifuge: { everybody } } })
    const client = open(node)
    const news = client.newSubscription('news')
    news.subscribe()
    await news.ready()
    expect(await news.history({ limit: 1 })).toMatchObject({ publications: [] })
    await expect(client.publish('news', 1)).rejects.toMatchObject({ code: 103 })
    const codes: number[] = []
    const refused = [undefined, { sub: 'alice', channel: 'other' }, { sub: 'bob', channel: 'dialog#1,2' }]
    for (const claims of refused) {
      const subscription = client.newSubscription('dialog#1,2', claims && { token: signed(node, claims) })
      const ended = new Promise<number>((resolve) =>
        subscription.on('unsubscribed', ({ code }) => resolve(code)),
      )
      subscription.subscribe()
      codes.push(await ended)
      client.removeSubscription(subscription)
    }
    expect(codes).toEqual([103, 103, 103])
    const dialog = client.newSubscription('dialog#1,2', {
      token: signed(node, { sub: 'alice', channel: 'dialog#1,2' }),
    })
    const seen: unknown[] = []
    dialog.on('publication', ({ data }) => void seen.push(data))
    dialog.subscribe()
    await dialog.ready()
    await node.publish({ channel: 'dialog=231=2C2', data: 7 })
    await expect.poll(() => seen).toEqual([7])
  })

  it('that name nobody are those of clients without a user, and of them alone', async () => {
    const anonymous = { subscribe: ['lobby'] }
    const everybody = { subscribe: ['news'] }
    const node = await start({ dialects: { centrifuge: { anonymous, everybody } } })
    const codeOf = async (client: Centrifuge, channel: string, claims?: object): Promise<number | 'on'> => {
      const subscription = client.newSubscription(channel, claims && { token: signed(node, claims) })
      const ended = new Promise<number>((resolve) =>
        subscription.on('unsubscribed', ({ code }) => resolve(code)),
      )
      subscription.subscribe()
      const answer = await Promise.race([ended, subscription.ready().then(() => 'on' as const)]).catch(
        () => ended,
      )
      client.removeSubscription(subscription)
      return answer
    }
    for (const token of [undefined, signed(node, {}), signed(node, { sub: '', info: { name: 'guest' } })]) {
      const client = new Centrifuge(urlOf(node), { websocket: WebSocket, ...(token && { token }) })
      clients.push(client)
      client.connect()
      await client.ready()
      expect(await codeOf(client, 'lobby')).toBe('on')
      expect(await codeOf(client, 'dialog', { channel: 'dialog' })).toBe('on')
      expect(await codeOf(client, 'other', { channel: 'dialog' })).toBe(103)
      expect(await codeOf(client, 'dialog2', { sub: 'alice', channel: 'dialog2' })).toBe(103)
      // Not even with a token of its own does it get what those may who are somebody.
      expect(await codeOf(client, 'news')).toBe(103)
    }
    const somebody = open(node)
    await somebody.ready()
    expect(await codeOf(somebody, 'news')).toBe('on')
    expect(await codeOf(somebody, 'dialog', { channel: 'dialog' })).toBe(103)
  })

  it('that name nobody let nobody in where clients without a user are refused', async () => {
    const node = await start({ dialects: { centrifuge: { everybody: { subscribe: ['news'] } } } })
    const client = new Centrifuge(urlOf(node), { websocket: WebSocket, token: signed(node, {}) })
    clients.push(client)
    const ended = new Promise((resolve) => client.on('disconnected', ({ code }) => resolve(code)))
    client.connect()
    expect(await ended).toBe(3500)
  })

  it('that name nobody are renewed by others that do', async () => {
    const node = await start({ dialects: { centrifuge: { anonymous: { subscribe: ['lobby'] } } } })
    const ends = (seconds: number): object => ({ exp: Math.floor(Date.now() / 1000) + seconds })
    const brought: string[] = []
    const client = new Centrifuge(urlOf(node), {
      websocket: WebSocket,
      token: signed(node, ends(3)),
      getToken: async () => {
        brought.push('fresh')
        return signed(node, ends(3600))
      },
    })
    clients.push(client)
    const left: unknown[] = []
    client.on('connecting', (context) => void left.push(context.code))
    client.on('disconnected', (context) => void left.push(context.code))
    client.connect()
    await client.ready()
    const lobby = client.newSubscription('lobby')
    lobby.subscribe()
    await lobby.ready()
    await expect.poll(() => brought).toEqual(['fresh'])
    await client.presenceStats('lobby').catch(() => undefined)
    expect([client.state, left]).toEqual(['connected', [0]])
  })
})
