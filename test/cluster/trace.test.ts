import { afterAll, beforeAll, expect, it } from 'vitest'
import { EventStream } from '../support/event-stream.ts'
import { RawClient } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** `GET /v1/users/{user}/trace`: what happens to one user, wherever in the cluster he is. */

let cluster: StartedCluster
let one: StartedNode
let two: StartedNode

beforeAll(async () => {
  cluster = await startCluster(2, { namespaces: { jobs: { delivery: 'durable' } } })
  ;[one, two] = cluster.nodes as [StartedNode, StartedNode]
})
afterAll(() => cluster.close())

type Event = Readonly<Record<string, unknown>>

/** The next event of a type; those before it are passed over, and kept in `seen`. */
async function until(stream: EventStream, type: string, seen: Event[]): Promise<Event> {
  for (;;) {
    const { data } = await stream.next('message')
    seen.push(data)
    if (data['type'] === type) return data
  }
}

function trace(node: StartedNode, user: string, query = ''): Promise<EventStream> {
  const url = `http://127.0.0.1:${node.apiPort}/v1/users/${user}/trace${query}`
  return EventStream.open(url, { authorization: `Bearer ${node.apiKey}` })
}

it('tells at one node what becomes of a user at another, message by message, and nothing of others', async () => {
  const stream = await trace(one, 'ann')
  const seen: Event[] = []
  expect(await until(stream, 'following', seen)).toMatchObject({ user: 'ann', payloads: false, node: one.id })
  const url = `ws://127.0.0.1:${two.port}/v1/ws`
  // The other node hears of it a moment later; who was there before that is told as `present`.
  const { client } = await RawClient.connect(url, { token: await two.token('ann') })
  const { client: bob } = await RawClient.connect(url, { token: await two.token('bob') })
  for (const each of [client, bob]) await each.request({ type: 'subscribe', ref: 1, channel: 'jobs:1' })
  await one.publish([1, 2, 3].map((n) => ({ channel: 'jobs:1', data: `payload ${n}` })))
  const offsets: unknown[] = []
  while (offsets.length < 3) {
    const delivered = await until(stream, 'delivered', seen)
    expect(delivered).toMatchObject({ node: two.id, channel: 'jobs:1', live: true })
    expect(delivered['written']).toBeGreaterThanOrEqual(delivered['published'] as number)
    offsets.push(delivered['offset'])
  }
  client.send({ type: 'ack', channel: 'jobs:1', offset: offsets[1] })
  for (const offset of offsets.slice(0, 2))
    expect(await until(stream, 'acknowledged', seen)).toMatchObject({ channel: 'jobs:1', offset })
  client.socket.close(1000)
  expect(await until(stream, 'closed', seen)).toMatchObject({ why: 'client', code: 1000, node: two.id })
  const types = seen.map(({ type }) => type)
  expect(types.includes('connected') || types.includes('present')).toBe(true)
  expect(JSON.stringify(seen)).not.toContain('payload 1')
  const sessions = new Set(seen.map(({ session }) => session).filter((id) => id !== undefined))
  expect(sessions.size).toBe(1)
  stream.close()
  bob.cut()
})

it('tells what a client that connects calls itself', async () => {
  const stream = await trace(one, 'dora')
  const { client } = await RawClient.connect(`ws://127.0.0.1:${one.port}/v1/ws`, {
    token: await one.token('dora'),
    client: { name: 'shop', version: '1.2' },
  })
  expect(await until(stream, 'connected', [])).toMatchObject({ client: 'shop/1.2', resumed: false })
  stream.close()
  client.cut()
})

it('ends by itself after its events, and says so', async () => {
  const { client } = await RawClient.connect(`ws://127.0.0.1:${one.port}/v1/ws`, {
    token: await one.token('cleo'),
  })
  const stream = await trace(one, 'cleo', '?events=2&payloads=true')
  await stream.next('message')
  expect((await stream.next('message')).data).toMatchObject({ type: 'present', node: one.id })
  await one.publish({ user: 'cleo', data: { hello: 1 } })
  expect((await stream.next('message')).data).toMatchObject({
    ...{ type: 'delivered', channel: '@inbox', data: '{"hello":1}' },
  })
  expect((await stream.next('message')).data).toEqual({ type: 'over', why: 'events' })
  expect(await stream.rest()).toEqual([])
  client.cut()
})

it.each(['?for=2h', '?for=soon', '?events=0', '?payloads=yes'])('refuses %s', async (query) => {
  const { response } = await trace(one, 'ann', query)
  expect(response.status).toBe(400)
})

it('needs the scope admin', async () => {
  const response = await fetch(`http://127.0.0.1:${one.apiPort}/v1/users/ann/trace`)
  expect(response.status).toBe(401)
})
