/** What backends are told by themselves, of a cluster of two nodes: by whom, how often, and what of a drain and of a death. */
import { createHmac } from 'node:crypto'
import { afterEach, expect, it } from 'vitest'
import { Balancer } from '../support/balancer.ts'
import { GatewayProcess } from '../support/gateway-process.ts'
import { HookReceiver } from '../support/hook-receiver.ts'
import { NATS_PATIENCE_MS, openNats } from '../support/nats-links.ts'
import { patientDuration } from '../support/patience.ts'
import { APPS, backendOf, isOn, pusherJs, RawPusher, SHOP, type PusherJs } from '../support/pusher.ts'
import { RawClient } from '../support/raw-client.ts'
import { freePorts, temporaryDirectory } from '../support/server-process.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'
import type { ConfigInput } from '../../src/config/schema.ts'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

let cluster: StartedCluster | undefined
const clients: PusherJs[] = []
const closing: (() => Promise<unknown> | void)[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect()
  for (const close of closing.splice(0)) await close()
  await cluster?.close()
  cluster = undefined
})

function settingsFor({ url }: HookReceiver): ConfigInput {
  return {
    dialects: { pusher: { apps: APPS } },
    drain: { plan: '50%/200ms', deregisterDelay: '100ms', grace: patientDuration(10_000), linger: '100ms' },
    webhooks: {
      endsAfter: '200ms',
      targets: {
        shop: {
          ...{ url: `${url}/pusher`, app: SHOP.id },
          events: [
            ...['channel_occupied', 'channel_vacated', 'member_added', 'member_removed'],
            ...['client_event', 'cache_miss'],
          ],
        },
        ours: { url: `${url}/ours`, secret: SECRET, channels: ['shop:presence-*'] },
        bus: { subject: 'hooks.users', events: ['user_connected', 'user_disconnected', 'channel_occupied'] },
      },
    },
  }
}

const shown = ({ name, type, channel, user_id: id, user }: Record<string, unknown>): string =>
  [name ?? type, channel, id ?? user].filter((one) => typeof one === 'string').join(' ')

it('a backend is told once of what the cluster has, in order, by requests that it can check, and of no drain', async () => {
  const receiver = await HookReceiver.start()
  closing.push(() => receiver.close())
  cluster = await startCluster(2, settingsFor(receiver))
  const [old, other] = cluster.nodes as [StartedNode, StartedNode]
  const bus = await openNats(cluster.nats.url)
  closing.push(() => bus.close())
  const overNats: string[] = []
  bus.subscribe('hooks.users', {}, (_, data, reply) => {
    const { events } = JSON.parse(data.toString()) as { events: Record<string, unknown>[] }
    overNats.push(...events.map(shown))
    bus.respond(reply, Buffer.alloc(0))
  })
  let refusals = 0
  receiver.answer = ({ path }) => ({ status: path === '/ours' && refusals++ < 2 ? 503 : 204 })
  const balancer = new Balancer([old.port])
  await balancer.listen()
  closing.push(() => balancer.close())
  const told = (path = '/pusher'): string[] => receiver.events(path).map(shown)

  // Ann is there twice, at both nodes.
  const [ann, again] = [await RawPusher.connect(other), await RawPusher.connect(old)]
  await ann.join('presence-room', { user_id: 'ann' })
  await again.join('presence-room', { user_id: 'ann' })
  const begun = ['channel_occupied presence-room', 'member_added presence-room ann']
  await expect.poll(() => told()).toEqual(begun)
  const ben = pusherJs({ ...old, port: balancer.port }, { id: 'ben' })
  clients.push(ben)
  const room = ben.subscribe('presence-room')
  await isOn(room)
  await expect.poll(() => told()).toEqual([...begun, 'member_added presence-room ben'])
  room.trigger('client-hello', { n: 1 })
  await ann.next('client-hello')
  await expect.poll(() => told().at(-1)).toBe('client_event presence-room ben')
  expect(receiver.events('/pusher').at(-1)).toMatchObject({
    ...{ event: 'client-hello', data: '{"n":1}', socket_id: ben.connection.socket_id },
  })
  await ann.join('cache-news')
  await again.join('cache-news')
  await expect.poll(() => told().slice(4)).toEqual(['channel_occupied cache-news', 'cache_miss cache-news'])

  // As the library of a backend checks it.
  for (const { path, headers, body } of receiver.requests) {
    if (path === '/pusher') {
      const hook = backendOf(other).webhook({ headers: headers as Record<string, string>, rawBody: body })
      expect(hook.isValid()).toBe(true)
      continue
    }
    const [id, at] = [headers['webhook-id'], headers['webhook-timestamp']] as [string, string]
    const signer = createHmac('sha256', Buffer.from(SECRET.slice(6), 'base64'))
    expect(headers['webhook-signature']).toBe(`v1,${signer.update(`${id}.${at}.${body}`).digest('base64')}`)
  }
  const ours = ['channel_occupied shop:presence-room', 'member_added shop:presence-room ann']
  await expect.poll(() => told('/ours')).toEqual([...ours, 'member_added shop:presence-room ben'])

  const before = told()
  again.socket.close()
  balancer.targets = [other.port]
  await old.drain()
  await expect.poll(() => ben.connection.state).toBe('connected')
  await backendOf(other).trigger('presence-room', 'after', {})
  await ann.next('after')
  ben.disconnect()
  await expect.poll(() => told().slice(before.length)).toEqual(['member_removed presence-room ben'])
  ann.socket.close()
  await expect
    .poll(() => told().slice(before.length).toSorted())
    .toEqual([
      ...['channel_vacated cache-news', 'channel_vacated presence-room'],
      ...['member_removed presence-room ann', 'member_removed presence-room ben'],
    ])
  const ids = receiver.events('/pusher').map(({ event_id: id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(overNats.toSorted()).toEqual([
    'channel_occupied shop:cache-news',
    'channel_occupied shop:presence-room',
  ])
})

it('of a node that is killed everything ends once, and nothing that somebody has elsewhere', async () => {
  const receiver = await HookReceiver.start()
  closing.push(() => receiver.close())
  const settings = settingsFor(receiver)
  cluster = await startCluster(2, settings)
  const [here] = cluster.nodes as [StartedNode]
  const directory = temporaryDirectory('webhooks')
  closing.push(() => directory.remove())
  const { nats, redis } = cluster
  const doomed = new GatewayProcess((await freePorts(2)) as [number, number], directory.path, {
    ...settings,
    ...{ nats: { url: [nats.url] }, redis: { url: [redis.url] } },
    cluster: { heartbeat: '200ms', nodeTtl: patientDuration(1500) },
  })
  await doomed.start()
  closing.push(() => doomed.kill())
  const [ann, ben] = [await RawPusher.connect(here), await RawPusher.connect(doomed)]
  await ann.join('presence-room', { user_id: 'ann' })
  await ben.join('presence-room', { user_id: 'ben' })
  await ben.join('private-own')
  const told = (): string[] => receiver.events('/pusher').map(shown)
  await expect
    .poll(() => told().toSorted())
    .toEqual([
      ...['channel_occupied presence-room', 'channel_occupied private-own'],
      ...['member_added presence-room ann', 'member_added presence-room ben'],
    ])
  await doomed.kill()
  await expect
    .poll(() => told().slice(4).toSorted())
    .toEqual(['channel_vacated private-own', 'member_removed presence-room ben'])
  const asked = await backendOf(here).get({ path: '/channels', params: {} })
  expect(await asked.json()).toEqual({ channels: { 'presence-room': {} } })
  ann.socket.close()
  await expect
    .poll(() => told().slice(6))
    .toEqual(['member_removed presence-room ann', 'channel_vacated presence-room'])
  const ids = receiver.events('/pusher').map(({ event_id: id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
})

it('who a backend has let in comes back at another node without a question, and who it refuses is told why', async () => {
  const receiver = await HookReceiver.start()
  closing.push(() => receiver.close())
  receiver.answer = ({ body }) => {
    const { user, channel } = JSON.parse(body) as { readonly user: string; readonly channel?: string }
    const allow = user !== 'bob' && channel !== 'paid:gold'
    return { status: 200, body: JSON.stringify({ allow, reason: allow ? undefined : 'not paid' }) }
  }
  const hooks = { url: receiver.url, secret: SECRET, connect: true, channels: ['paid:*'] }
  cluster = await startCluster(2, { hooks })
  const [here, there] = cluster.nodes as [StartedNode, StartedNode]
  const reads = async (node: StartedNode, user: string, channel: string): Promise<[number, string]> => {
    const stop = new AbortController()
    const headers = { authorization: `Bearer ${await node.token(user)}` }
    const url = `http://127.0.0.1:${node.port}/v1/sse?channels=${channel}`
    const answer = await fetch(url, { headers, signal: stop.signal })
    const text = answer.status === 200 ? '' : await answer.text()
    stop.abort()
    return [answer.status, text]
  }
  expect(await reads(here, 'ann', 'paid:silver')).toEqual([200, ''])
  expect(receiver.requests.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
    { type: 'connect', user: 'ann' },
    { type: 'subscribe', user: 'ann', channel: 'paid:silver' },
  ])
  expect((await reads(there, 'ann', 'paid:silver'))[0]).toBe(200)
  expect((await reads(there, 'ann', 'free'))[0]).toBe(200)
  expect(receiver.requests).toHaveLength(2)
  expect(await reads(there, 'ann', 'paid:gold')).toEqual([403, expect.stringContaining('not paid')])
  expect(await reads(here, 'bob', 'free')).toEqual([403, expect.stringContaining('not paid')])
  await there.api('DELETE', '/v1/users/ann/grants')
  await reads(here, 'ann', 'free')
  expect(receiver.requests.map(({ body }) => (JSON.parse(body) as { user: string }).user)).toEqual([
    ...['ann', 'ann', 'ann', 'bob', 'ann'],
  ])
})

it('a backend that is asked over NATS narrows and widens what a token allows, and is not asked where it has put a user', async () => {
  const hooks: ConfigInput['hooks'] = {
    ...{ subject: 'may.they', connect: true, channels: ['*'] },
    grants: { subscribe: ['vip:*'] },
  }
  cluster = await startCluster(2, { hooks })
  const [here, there] = cluster.nodes as [StartedNode, StartedNode]
  const asked: unknown[] = []
  const backend = await openNats(cluster.nats.url)
  closing.push(() => backend.close())
  backend.subscribe('may.they', {}, (_, data, reply) => {
    const question = JSON.parse(data.toString()) as { readonly type: string }
    asked.push(question)
    const permissions = { subscribe: ['news', 'vip:1', 'secret'], publish: [] }
    const answer = { allow: true, ...(question.type === 'connect' ? { permissions } : {}) }
    backend.respond(reply, Buffer.from(JSON.stringify(answer)))
  })
  await backend.flush(NATS_PATIENCE_MS)
  const put = await here.api('POST', '/v1/users/ann/subscribe', { channels: ['standing'] })
  expect(put.status).toBe(200)
  const outcomes = async (node: StartedNode): Promise<unknown> => {
    const token = await node.token('ann', { subscribe: ['news', 'free'], publish: ['news'] })
    const { client, welcome } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token })
    const said: unknown[] = [Object.keys(welcome['channels'] as object).toSorted()]
    for (const [ref, channel] of ['news', 'vip:1', 'vip:2', 'free', 'secret'].entries())
      said.push([channel, (await client.request({ type: 'subscribe', ref, channel })).type])
    said.push((await client.request({ type: 'publish', ref: 9, channel: 'news', data: 1 })).type)
    client.cut()
    return said
  }
  const expected = [
    ['@inbox', 'standing'],
    ...[
      ['news', 'subscribed'],
      ['vip:1', 'subscribed'],
      ['vip:2', 'error'],
      ['free', 'error'],
      ['secret', 'error'],
    ],
    'error',
  ]
  expect(await outcomes(here)).toEqual(expected)
  expect(await outcomes(there)).toEqual(expected)
  expect(asked).toEqual([
    { type: 'connect', user: 'ann' },
    { type: 'subscribe', user: 'ann', channel: 'news' },
    { type: 'subscribe', user: 'ann', channel: 'vip:1' },
  ])
})
