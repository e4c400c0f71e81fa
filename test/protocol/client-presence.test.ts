import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SluiceClient } from '../../src/client/index.ts'
import { createClient } from '../../src/client/node.ts'
import { Presence } from '../../src/client/presence.ts'
import { CuttingProxy } from '../support/cutting-proxy.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** The presence of the SDK, and its named events, against a real node: the same on each transport. */

interface Mood {
  readonly mood: string
}

let node: StartedNode
let proxy: CuttingProxy
const clients: SluiceClient[] = []

beforeAll(async () => {
  node = await startNode({ namespaces: { room: { presence: true, clientPublish: 'fanout' } } })
  proxy = new CuttingProxy(node.port)
  await proxy.listen()
})
afterAll(async () => {
  for (const client of clients) client.close()
  await proxy.close()
  await node.close()
})

describe.each(['websocket', 'sse', 'poll'] as const)('over %s', (transport) => {
  async function connected(user: string, port = node.port): Promise<SluiceClient> {
    const client = createClient({
      url: `ws://127.0.0.1:${port}/v1/ws`,
      transport,
      token: await node.token(user),
      backoff: { baseMs: 20, maxMs: 50 },
    })
    clients.push(client)
    await client.connect()
    return client
  }

  it('who is there is kept up to date, with what each says, also where a connection is cut', async () => {
    const channel = `room:${transport}`
    const [ann, bob] = [await connected('ann'), await connected('bob', proxy.port)]
    const [annThere, bobThere] = [new Presence<Mood>(ann, channel), new Presence<Mood>(bob, channel)]
    const told: string[] = []
    for (const type of ['join', 'update', 'leave'] as const)
      annThere.on(type, ({ user, data }) => void told.push(`${type} ${user} ${data?.mood}`))
    await bobThere.enter({ mood: 'good' })
    await expect.poll(() => annThere.members.get('bob')).toEqual({ mood: 'good' })
    await expect.poll(() => bobThere.me).toEqual({ user: 'bob', data: { mood: 'good' } })
    expect([annThere.count, annThere.me]).toEqual([2, { user: 'ann', data: undefined }])
    const before = annThere.members
    await bobThere.update({ mood: 'better' })
    await expect.poll(() => annThere.members.get('bob')).toEqual({ mood: 'better' })
    expect(annThere.members).not.toBe(before)
    told.length = 0
    if (transport !== 'poll') {
      let served = 0
      bob.on('welcome', () => served++)
      proxy.cut(1)
      await expect.poll(() => served).toBe(1)
    }
    // Said again on the new connection: he can say more on it.
    await bobThere.update({ mood: 'best' })
    await expect.poll(() => annThere.members.get('bob')).toEqual({ mood: 'best' })
    expect(told).toEqual(['update bob best'])
    await bobThere.leave()
    await expect.poll(() => annThere.count).toBe(1)
    expect(told.at(-1)).toBe('leave bob best')
    await expect.poll(() => bobThere.me).toBeUndefined()
    // He sees the others all the same.
    expect([...bobThere.members.keys()]).toEqual(['ann'])
    await bobThere.enter()
    await expect.poll(() => annThere.count).toBe(2)
    bobThere.close()
    await expect.poll(() => annThere.count).toBe(1)
    annThere.close()
  })

  it('what is refused is told', async () => {
    const client = await connected('carl')
    const there = new Presence(client, `room:refused-${transport}`)
    await expect(there.enter('x'.repeat(2000))).rejects.toMatchObject({ code: 'limit_exceeded' })
    const errors: unknown[] = []
    const elsewhere = new Presence(client, `news:${transport}`)
    elsewhere.on('error', ({ code }) => void errors.push(code))
    await expect.poll(() => errors).toContain('bad_request')
    for (const one of [there, elsewhere]) one.close()
  })

  it('a handler of an event gets the messages that are this event, and no others', async () => {
    const [ann, bob] = [await connected('ann'), await connected('bob')]
    const channel = `room:events-${transport}`
    const all: unknown[] = []
    const prices: unknown[] = []
    const subscription = ann.subscribe(channel, ({ event, data }) => void all.push([event, data]))
    const priced = subscription.on<number>('price', ({ data, event }) => void prices.push([event, data]))
    await priced.ready
    await bob.publish(channel, 1, { event: 'price' })
    await bob.publish(channel, 2)
    await bob.publish(channel, 3, { event: 'other' })
    await node.api('POST', '/v1/publish', { channel, data: 4, event: 'price', headers: { a: 'b' } })
    await expect.poll(() => all.length).toBe(4)
    expect(prices).toEqual([
      ['price', 1],
      ['price', 4],
    ])
    priced.unsubscribe()
    await bob.publish(channel, 5, { event: 'price' })
    await expect.poll(() => all.length).toBe(5)
    expect(prices.length).toBe(2)
  })
})
