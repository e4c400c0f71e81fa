/** The published clients of Pusher, pusher-js and Laravel Echo, against a node, and a backend with its library. */
import Echo from 'laravel-echo'
import type { Channel, PresenceChannel } from 'pusher-js'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { APPS, backendOf, pusherJs, SHOP, type PusherJs, type PusherUser } from '../support/pusher.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

let node: StartedNode
const clients: PusherJs[] = []

beforeAll(async () => {
  node = await startNode({ dialects: { pusher: { apps: APPS } } })
})
afterAll(() => node.close())
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect()
})

function open(user: PusherUser): PusherJs {
  const client = pusherJs(node, user)
  clients.push(client)
  return client
}

function happened(channel: Channel, event: string): Promise<unknown> {
  return new Promise((resolve) => channel.bind(event, resolve))
}

async function subscribed(client: PusherJs, name: string): Promise<Channel> {
  const channel = client.subscribe(name)
  await happened(channel, 'pusher:subscription_succeeded')
  return channel
}

describe('pusher-js', () => {
  it('subscribes to channels of each kind, and is told what is published there', async () => {
    const client = open({ id: 'ann' })
    for (const name of ['news', 'private-news', 'presence-news', 'cache-news', 'private-cache-news']) {
      const channel = await subscribed(client, name)
      const told = happened(channel, 'App\\Events\\Sold')
      await backendOf(node).trigger(name, 'App\\Events\\Sold', { of: name })
      expect(await told).toEqual({ of: name })
    }
  })

  it('tells the others on the channel, who know by whom, and not itself', async () => {
    const [ann, bob] = [open({ id: 'ann' }), open({ id: 'bob' })]
    const [hers, his] = [await subscribed(ann, 'presence-a'), await subscribed(bob, 'presence-a')]
    const own: unknown[] = []
    hers.bind('client-typing', (data: unknown) => own.push(data))
    const told = new Promise((resolve) =>
      his.bind('client-typing', (data: unknown, meta: unknown) => resolve([data, meta])),
    )
    hers.trigger('client-typing', { n: 1 })
    expect(await told).toEqual([{ n: 1 }, { user_id: 'ann' }])
    const back = happened(hers, 'client-typing')
    his.trigger('client-typing', { n: 2 })
    await back
    expect(own).toEqual([{ n: 2 }])
  })

  it('signs in, and is told what a backend sends to its user', async () => {
    const client = open({ id: 'ann' })
    const told = new Promise((resolve) => client.user.bind('hello', resolve))
    client.signin()
    await expect.poll(() => client.user.user_data).toMatchObject({ id: 'ann' })
    await expect
      .poll(
        async () =>
          (
            (await (await node.api('GET', '/v1/channels/shop:=23server-to-user-ann')).json()) as {
              subscribers: { local: number }
            }
          ).subscribers.local,
      )
      .toBe(1)
    await backendOf(node).sendToUser('ann', 'hello', { n: 1 })
    expect(await told).toEqual({ n: 1 })
  })
})

describe('a presence channel', () => {
  it('shows who is there, and tells of each user that comes and goes, once and to others only', async () => {
    const ann = open({ id: 'ann', info: { name: 'Ann' } })
    const hers = (await subscribed(ann, 'presence-room')) as PresenceChannel
    const heard: unknown[] = []
    for (const event of ['pusher:member_added', 'pusher:member_removed'])
      hers.bind(event, ({ id, info }: { id: string; info: unknown }) =>
        heard.push([event.slice(14), id, info]),
      )
    expect([hers.members.count, hers.members.me]).toEqual([1, { id: 'ann', info: { name: 'Ann' } }])
    const [bob, bobAgain] = [open({ id: 'bob', info: { n: 7 } }), open({ id: 'bob', info: { n: 7 } })]
    const his = (await subscribed(bob, 'presence-room')) as PresenceChannel
    const hisOther = (await subscribed(bobAgain, 'presence-room')) as PresenceChannel
    const own: unknown[] = []
    for (const one of [his, hisOther]) one.bind('pusher:member_added', (member: unknown) => own.push(member))
    expect(his.members.members).toEqual({ ann: { name: 'Ann' }, bob: { n: 7 } })
    expect([his.members.count, hisOther.members.count]).toEqual([2, 2])
    await expect.poll(() => heard).toEqual([['added', 'bob', { n: 7 }]])
    bob.disconnect()
    const gone = happened(hers, 'pusher:member_removed')
    bobAgain.unsubscribe('presence-room')
    await gone
    expect(heard.map((one) => (one as unknown[]).slice(0, 2))).toEqual([
      ['added', 'bob'],
      ['removed', 'bob'],
    ])
    expect(own).toEqual([])
  })
})

describe('Laravel Echo', () => {
  it('listens, whispers and joins', async () => {
    const echoes = ['ann', 'bob'].map(
      (id) => new Echo({ broadcaster: 'pusher', client: open({ id }), key: SHOP.key }),
    )
    const [ann, bob] = echoes as [Echo<'pusher'>, Echo<'pusher'>]
    const seen: unknown[] = []
    await Promise.all(
      [ann, bob].map(
        (echo) => new Promise<void>((resolve) => void echo.private('room').subscribed(() => resolve())),
      ),
    )
    bob.private('room').listen('Sold', (data: unknown) => seen.push(data))
    bob.private('room').listenForWhisper('typing', (data: unknown) => seen.push(data))
    ann.private('room').listenForWhisper('typing', (data: unknown) => seen.push(['own', data]))
    const options = { socket_id: ann.socketId() as string }
    await backendOf(node).trigger('private-room', 'App\\Events\\Sold', { n: 1 }, options)
    ann.private('room').whisper('typing', { n: 2 })
    await expect.poll(() => seen).toEqual([{ n: 1 }, { n: 2 }])
    const here = await new Promise((resolve) => void ann.join('lounge').here(resolve))
    expect(here).toEqual([{}])
  })
})
