/** Stock clients of Centrifuge that have no WebSocket: their answer is open at one node, what they send comes to another. */
import { Centrifuge, type Options, type TransportName } from 'centrifuge'
import { Centrifuge as ProtobufCentrifuge } from 'centrifuge/build/protobuf'
import { EventSource } from 'eventsource'
import { WebSocket } from 'ws'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

let cluster: StartedCluster
let holder: StartedNode
let other: StartedNode
const clients: Centrifuge[] = []

beforeAll(async () => {
  cluster = await startCluster(2, {
    dialects: { centrifuge: {} },
    drain: { plan: 'fast', deregisterDelay: '0ms', linger: '0ms' },
    namespaces: { room: { presence: true, clientPublish: 'fanout' } },
  })
  ;[holder, other] = cluster.nodes as [StartedNode, StartedNode]
})

afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect()
})

afterAll(() => cluster.close())

function urlOf({ port }: StartedNode, path: string): string {
  return `http://127.0.0.1:${port}${path}`
}

const WAYS = [
  { way: 'http_stream', build: 'JSON', Client: Centrifuge, binary: false },
  {
    way: 'http_stream',
    build: 'Protobuf',
    Client: ProtobufCentrifuge as unknown as typeof Centrifuge,
    binary: true,
  },
  { way: 'sse', build: 'JSON', Client: Centrifuge, binary: false },
] as const

describe.each(WAYS)('$way in $build', ({ way, Client, binary }) => {
  const data = (value: unknown): unknown => (binary ? new TextEncoder().encode(JSON.stringify(value)) : value)
  const read = (value: unknown): unknown =>
    binary ? (JSON.parse(new TextDecoder().decode(value as Uint8Array)) as unknown) : value

  async function open(user: string, options: Partial<Options> = {}): Promise<Centrifuge> {
    const transport = way satisfies TransportName
    const client = new Client([{ transport, endpoint: urlOf(holder, `/connection/${way}`) }], {
      fetch,
      readableStream: ReadableStream,
      eventsource: EventSource,
      emulationEndpoint: urlOf(other, '/emulation'),
      token: await holder.token(user),
      minReconnectDelay: 1,
      ...options,
    })
    clients.push(client)
    client.connect()
    await client.ready()
    return client
  }

  it('what a client sends comes to another node, and the answer to it on its stream', async () => {
    const channel = `room:${way}-${binary ? 1 : 0}`
    const alice = await open('alice')
    const subscription = alice.newSubscription(channel)
    const seen: unknown[] = []
    subscription.on('publication', (context) => void seen.push(read(context.data)))
    subscription.subscribe()
    await subscription.ready()
    // More at once than a client that waits for each answer has under way.
    await Promise.all(Array.from({ length: 10 }, (_, n) => alice.publish(channel, data({ n }))))
    await other.publish({ channel, data: { n: 10 } })
    await expect.poll(() => seen.length).toBe(11)
    expect(seen).toEqual(expect.arrayContaining(Array.from({ length: 11 }, (_, n) => ({ n }))))
    expect(Object.keys((await subscription.presence()).clients)).toHaveLength(1)
    await expect(alice.rpc('method', data({}))).rejects.toMatchObject({ code: 108 })
  })

  it('is told why it ends', async () => {
    const ended: number[] = []
    const client = await open('dora')
    client.on('disconnected', ({ code }) => void ended.push(code))
    expect((await other.api('DELETE', '/v1/users/dora/sessions')).status).toBe(200)
    await expect.poll(() => ended).toEqual([3503])
  })

  it('comes back with a fresh token for one that has expired', async () => {
    const token = await holder.token('erin', { ttlSeconds: 10, issuedSecondsAgo: 600 })
    let asked = 0
    await open('erin', { token, getToken: () => (asked++, holder.token('erin')) })
    expect(asked).toBe(1)
  })
})

it('a session that nobody was given is refused without a question to the node that it names', async () => {
  const body = JSON.stringify({
    session: `${holder.id}.${'a'.repeat(22)}.${'b'.repeat(22)}`,
    node: holder.id,
    data: '{}',
  })
  const answer = await fetch(urlOf(other, '/emulation'), { method: 'POST', body })
  expect(answer.status).toBe(404)
})

it.each([
  ['no JSON', 'x', 400],
  ['an empty list', '[]', 400],
  ['too much', 'x'.repeat(200_000), 413],
])('a body that is %s is answered with a status', async (_, body, status) => {
  expect((await fetch(urlOf(other, '/emulation'), { method: 'POST', body })).status).toBe(status)
  const opened = await fetch(urlOf(other, '/connection/http_stream'), { method: 'POST', body })
  // What is no command is told on the answer, as it is on a socket.
  expect(opened.status).toBe(status === 413 ? 413 : 200)
  expect(await opened.text()).toMatch(status === 413 ? /larger/ : /"code":3501/)
})

describe('a client that only listens', () => {
  interface Push {
    readonly connect?: { readonly subs: Readonly<Record<string, { epoch: string }>> }
    readonly channel?: string
    readonly pub?: { readonly data: unknown }
    readonly disconnect?: { readonly code: number }
  }

  interface Heard {
    readonly pushes: Push[]
    leave(): void
  }

  const OPENINGS: Readonly<Record<string, (first: string) => Promise<Heard>>> = {
    async uni_http_stream(first) {
      const leaving = new AbortController()
      const { signal } = leaving
      const url = urlOf(holder, '/connection/uni_http_stream')
      const answer = await fetch(url, { method: 'POST', body: first, signal })
      const pushes: Push[] = []
      const text = new TextDecoder()
      const reading = async (): Promise<void> => {
        let rest = ''
        for await (const piece of answer.body as unknown as AsyncIterable<Uint8Array>) {
          const lines = (rest + text.decode(piece, { stream: true })).split('\n')
          rest = lines.pop() as string
          pushes.push(...lines.map((line) => JSON.parse(line) as Push))
        }
      }
      reading().catch(() => undefined)
      return { pushes, leave: () => leaving.abort() }
    },
    async uni_sse(first) {
      const query = `cf_connect=${encodeURIComponent(first)}`
      const source = new EventSource(urlOf(holder, `/connection/uni_sse?${query}`))
      const pushes: Push[] = []
      source.addEventListener('message', ({ data }) => void pushes.push(JSON.parse(data as string) as Push))
      return { pushes, leave: () => source.close() }
    },
    async uni_websocket(first) {
      const socket = new WebSocket(urlOf(holder, '/connection/uni_websocket').replace('http', 'ws'))
      const pushes: Push[] = []
      socket.on('message', (data: Buffer) => void pushes.push(JSON.parse(data.toString()) as Push))
      socket.on('close', (code) => void pushes.push({ disconnect: { code } }))
      await new Promise((resolve) => socket.once('open', resolve))
      socket.send(first)
      return { pushes, leave: () => socket.terminate() }
    },
  }

  it.each(Object.keys(OPENINGS))(
    'over %s gets the channels that it names, from where it was',
    async (way) => {
      const open = OPENINGS[way] as (first: string) => Promise<Heard>
      const channel = `listen-${way}`
      const token = await holder.token('fred', { subscribe: ['listen-*'] })
      const first = await open(JSON.stringify({ token, subs: { [channel]: {}, forbidden: {} } }))
      await expect.poll(() => first.pushes.length).toBe(1)
      const subs = first.pushes[0]?.connect?.subs
      expect(Object.keys(subs ?? {}).toSorted()).toEqual(['#fred', channel])
      await other.publish({ channel, data: { n: 1 } })
      await expect.poll(() => first.pushes.slice(1)).toMatchObject([{ channel, pub: { data: { n: 1 } } }])
      first.leave()
      await other.publish({ channel, data: { n: 2 } })
      const place = { recover: true, epoch: subs?.[channel]?.epoch, offset: 1 }
      const again = await open(JSON.stringify({ token, subs: { [channel]: place } }))
      await expect.poll(() => again.pushes.length).toBe(2)
      expect(again.pushes).toMatchObject([
        { connect: { subs: { [channel]: { recovered: true } } } },
        { channel, pub: { data: { n: 2 } } },
      ])
      again.leave()
    },
  )

  it.each(Object.keys(OPENINGS))('over %s is told to come back where its token has expired', async (way) => {
    const token = await holder.token('fred', { ttlSeconds: 10, issuedSecondsAgo: 600 })
    const heard = await (OPENINGS[way] as (first: string) => Promise<Heard>)(JSON.stringify({ token }))
    await expect.poll(() => heard.pushes[0]).toMatchObject({ disconnect: { code: 3005 } })
    heard.leave()
  })
})
