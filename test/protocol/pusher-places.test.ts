import type { Channel } from 'pusher-js'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { withSluice } from '../../src/client/pusher.ts'
import { backendOf, pusherJs, RawPusher, SHOP, type PusherJs } from '../support/pusher.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** pusher-js as it is published, with our add-on, goes on where it was. */

let node: StartedNode
const clients: PusherJs[] = []

beforeAll(async () => {
  node = await startNode({ dialects: { pusher: { apps: [`3:shop:${SHOP.key}:${SHOP.secret}`] } } })
})
afterAll(() => node.close())
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect()
})

function open(id: string): PusherJs {
  const client = pusherJs(node, { id })
  clients.push(client)
  return client
}

async function subscribed(client: PusherJs, name: string): Promise<Channel> {
  const channel = client.subscribe(name)
  await new Promise((resolve) => channel.bind('pusher:subscription_succeeded', resolve))
  return channel
}

const publish = (channel: string, ...all: unknown[]): Promise<unknown> =>
  all.reduce<Promise<unknown>>(
    (before, data) => before.then(() => backendOf(node).trigger(channel, 'sold', data)),
    Promise.resolve(),
  )

/** What is published while it is away. */
async function meanwhile(client: PusherJs, what: () => Promise<unknown>): Promise<void> {
  client.disconnect()
  await what()
  client.connect()
}

describe('pusher-js with our add-on', () => {
  it('is shown what it missed while it had no connection, once, in order and under its own names', async () => {
    const client = withSluice(open('ann'))
    const seen: unknown[] = []
    for (const name of ['news', 'private-news', 'presence-news']) {
      const channel = await subscribed(client, name)
      channel.bind('sold', (data: unknown) => seen.push([name, data]))
      await publish(name, 1, { two: 2 })
      await expect
        .poll(() => seen)
        .toEqual([
          [name, 1],
          [name, { two: 2 }],
        ])
      seen.length = 0
    }
    const everywhere: string[] = []
    client.bind_global((event: string) => everywhere.push(event))
    await meanwhile(client, () => publish('private-news', 'three', [4], '{"five":5}'))
    await publish('private-news', 6)
    await expect
      .poll(() => seen)
      .toEqual(['three', [4], { five: 5 }, 6].map((data) => ['private-news', data]))
    expect(everywhere.filter((event) => event.includes('sluice'))).toEqual([])
  })

  it('is told of a gap where the log has forgotten, and does not go on where it has unsubscribed', async () => {
    const gaps: string[] = []
    const client = withSluice(open('ann'), { onGap: (name) => gaps.push(name) })
    const seen: unknown[] = []
    const left = await subscribed(client, 'left')
    const channel = await subscribed(client, 'private-many')
    for (const one of [left, channel]) one.bind('sold', (data: unknown) => seen.push(data))
    await publish('left', 0)
    await publish('private-many', 0)
    await expect.poll(() => seen).toEqual([0, 0])
    client.unsubscribe('left')
    await meanwhile(client, async () => {
      await publish('left', 'not seen')
      for (let batch = 0; batch < 110; batch++)
        await backendOf(node).triggerBatch(
          Array.from({ length: 10 }, (_, n) => ({
            channel: 'private-many',
            name: 'sold',
            data: `${batch}-${n}`,
          })),
        )
    })
    await expect.poll(() => gaps).toEqual(['private-many'])
    client.subscribe('left').bind('sold', (data: unknown) => seen.push(data))
    await new Promise((resolve) => client.channel('left')?.bind('pusher:subscription_succeeded', resolve))
    await publish('left', 'seen')
    await expect.poll(() => seen.at(-1)).toBe('seen')
    expect(seen).not.toContain('not seen')
  })
})

it('does not go on from what was on its way when it had unsubscribed', async () => {
  const client = withSluice(open('ann'))
  const seen: unknown[] = []
  const channel = await subscribed(client, 'left')
  const first = new Promise((resolve) => channel.bind('sold', resolve))
  // The gateway has written both before it hears of the unsubscribe.
  channel.bind('sold', () => client.unsubscribe('left'))
  await backendOf(node).triggerBatch([1, 2].map((n) => ({ channel: 'left', name: 'sold', data: `${n}` })))
  await first
  await subscribed(client, 'other')
  await meanwhile(client, () => publish('left', 'not seen'))
  const again = client.subscribe('left')
  again.bind('sold', (data: unknown) => seen.push(data))
  await new Promise((resolve) => again.bind('pusher:subscription_succeeded', resolve))
  await publish('left', 'seen')
  await expect.poll(() => seen).toEqual(['seen'])
})

describe('a client that keeps its places', () => {
  it('of more channels than a frame has room for says them in several', async () => {
    const client = withSluice(open('ann'))
    const names = Array.from({ length: 400 }, (_, n) => `${'long'.repeat(36)}-${n}`)
    const seen: string[] = []
    for (const name of names) {
      const channel = client.subscribe(name)
      channel.bind('sold', () => seen.push(name))
    }
    const last = names.at(-1) as string
    await new Promise((resolve) => client.channel(last)?.bind('pusher:subscription_succeeded', resolve))
    await expect.poll(() => names.filter((name) => client.channel(name)?.subscribed).length).toBe(400)
    await meanwhile(client, () => publish(last, 1))
    await expect.poll(() => seen).toEqual([last])
  })

  it('says so before it subscribes, with places that can be read', async () => {
    const raw = await RawPusher.connect(node)
    raw.send('pusher:sluice_hello', { positions: { news: { epoch: 1, offset: -1 } } })
    expect((await raw.next('pusher:error')).data).toMatchObject({
      message: 'a position is an object with epoch, a text, and offset, a whole number',
    })
    const places = (first: number): object =>
      Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`c${first + n}`, { epoch: 'e', offset: n }]))
    for (const first of [0, 400, 800]) raw.send('pusher:sluice_hello', { positions: places(first) })
    expect((await raw.next('pusher:error')).data).toMatchObject({
      message: 'a client keeps at most 1000 places',
    })
    await raw.join('c399')
    await raw.next('pusher_internal:sluice_gap')
    await raw.join('news')
    raw.send('pusher:sluice_hello', {})
    expect((await raw.next('pusher:error')).data).toMatchObject({
      message: 'pusher:sluice_hello comes before the first subscribe',
    })
    raw.socket.terminate()
  })
})
