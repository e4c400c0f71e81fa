import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RawClient, type Frame } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** What must arrive: kept in JetStream, acknowledged by users, delivered again where it was not. */

let cluster: StartedCluster
let one: StartedNode
let two: StartedNode

beforeAll(async () => {
  cluster = await startCluster(2, {
    namespaces: { jobs: { delivery: 'durable' }, '@': { delivery: 'durable' } },
  })
  ;[one, two] = cluster.nodes as [StartedNode, StartedNode]
})
afterAll(() => cluster.close())

async function connect(
  node: StartedNode,
  user: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<{ client: RawClient; welcome: Frame }> {
  return RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token: await node.token(user), ...more })
}

async function subscribed(node: StartedNode, user: string, channel: string): Promise<RawClient> {
  const { client } = await connect(node, user)
  expect(await client.request({ type: 'subscribe', ref: 1, channel })).toMatchObject({ type: 'subscribed' })
  return client
}

const data = (frames: readonly Frame[]): unknown[] =>
  frames.filter(({ type }) => type === 'message').map((frame) => frame['data'])

describe('a durable channel', () => {
  it('reaches subscribers on every node once, in order, to be acknowledged', async () => {
    const clients = [await subscribed(one, 'ann', 'jobs:1'), await subscribed(two, 'bob', 'jobs:1')]
    for (let n = 0; n < 20; n++) await (n % 2 === 0 ? one : two).publish({ channel: 'jobs:1', data: n })
    for (const client of clients) {
      await expect.poll(() => data(client.frames).length).toBe(20)
      expect(data(client.frames)).toEqual(Array.from({ length: 20 }, (_, n) => n))
      expect(client.frames.find(({ type }) => type === 'message')).toMatchObject({ ack: true })
      client.cut()
    }
  })

  it('delivers again what was not acknowledged, on whatever node the user comes back', async () => {
    const client = await subscribed(one, 'cleo', 'jobs:2')
    for (let n = 1; n <= 5; n++) await one.publish({ channel: 'jobs:2', data: n })
    await expect.poll(() => data(client.frames).length).toBe(5)
    const third = client.frames.find((frame) => frame['data'] === 3)
    client.send({ type: 'ack', channel: 'jobs:2', offset: third?.['offset'] })
    await client.settled()
    expect(await one.metric('sluice_acks_total')).toBe(1)
    // Of five the third: what an acknowledgement covers counts, not how many there are.
    expect(await one.metric('sluice_acknowledged_total')).toBe(3)
    expect(await one.metric('sluice_ack_latency_seconds_count')).toBe(1)
    const [delivered, open] = ['sluice_durable_delivered_total', 'sluice_unacknowledged_total']
    const before = await one.metric(open)
    client.cut()
    await expect.poll(() => one.metric(open)).toBe(before + 2)
    // Everybody else has gone: each message was acknowledged, or is open.
    await expect.poll(() => one.metric(open)).toBe((await one.metric(delivered)) - 3)
    // Written by now on the first node, for the second to read.
    await expect
      .poll(async () => {
        const again = await subscribed(two, 'cleo', 'jobs:2')
        await again.settled()
        again.cut()
        return data(again.frames)
      })
      .toEqual([4, 5])
  })

  it('brings what is kept to a user who has acknowledged nothing', async () => {
    const client = await subscribed(one, 'dan', 'jobs:3')
    client.cut()
    await one.publish({ channel: 'jobs:3', data: 'later' })
    const back = await subscribed(two, 'dan', 'jobs:3')
    expect(await back.next('message')).toMatchObject({ data: 'later' })
    back.cut()
  })

  it('knows a repeated id, and resumes by position', async () => {
    const [first] = (await one.publish({ channel: 'jobs:4', data: 1, id: 'same' })) as [
      { epoch: string; offset: number },
    ]
    expect(await two.publish({ channel: 'jobs:4', data: 1, id: 'same' })).toEqual([
      { ...first, duplicate: true },
    ])
    await one.publish({ channel: 'jobs:4', data: 2 })
    const { client, welcome } = await connect(two, 'eva', {
      resume: { 'jobs:4': { epoch: first.epoch, offset: first.offset } },
    })
    expect(welcome['channels']).toMatchObject({ 'jobs:4': { recovered: true } })
    expect(await client.next('message')).toMatchObject({ data: 2 })
    client.cut()
  })

  it('refuses an acknowledgement of what was not delivered', async () => {
    const client = await subscribed(one, 'fay', 'jobs:5')
    client.send({ type: 'ack', channel: 'jobs:5', offset: 999_999 })
    expect(await client.next('error')).toMatchObject({ code: 'bad_request' })
    client.send({ type: 'ack', channel: 'jobs:6', offset: 1 })
    expect(await client.next('error')).toMatchObject({ code: 'bad_request' })
    client.cut()
  })
})

describe('a durable inbox', () => {
  it('has what came before the user did, and no more once it is acknowledged', async () => {
    await one.publish({ user: 'gus', data: 'welcome' })
    await two.publish({ user: 'gus', data: 'your order' })
    const { client } = await connect(two, 'gus')
    expect(await client.next('message')).toMatchObject({ channel: '@inbox', data: 'welcome' })
    const second = await client.next('message')
    expect(second).toMatchObject({ data: 'your order', ack: true })
    await one.publish({ user: 'gus', data: 'live' })
    expect(await client.next('message')).toMatchObject({ data: 'live' })
    client.send({ type: 'ack', channel: '@inbox', offset: second['offset'] })
    await client.settled()
    client.cut()
    await expect
      .poll(async () => {
        const { client: again } = await connect(one, 'gus')
        await again.settled()
        again.cut()
        return data(again.frames)
      })
      .toEqual(['live'])
  })
})

describe('while JetStream is away', () => {
  it('durable publishes are refused, the rest flows, and nothing that was accepted is lost', async () => {
    const client = await subscribed(one, 'hal', 'jobs:7')
    const other = await subscribed(two, 'hal', 'news:1')
    await one.publish({ channel: 'jobs:7', data: 'before' })
    await cluster.nats.kill()
    await expect.poll(() => one.metric('sluice_part_up{part="backbone"}')).toBe(0)
    const refused = await one.api('POST', '/v1/publish', { channel: 'jobs:7', data: 'lost' })
    expect(refused.status).toBe(503)
    expect((await one.api('POST', '/v1/publish', { channel: 'news:1', data: 'by mesh' })).status).toBe(200)
    expect(await other.next('message')).toMatchObject({ data: 'by mesh' })
    await cluster.nats.restart()
    await expect
      .poll(
        async () =>
          (await one.api('POST', '/v1/publish', { channel: 'jobs:7', data: 'after', id: 'a' })).status,
      )
      .toBe(200)
    await expect.poll(() => data(client.frames)).toEqual(['before', 'after'])
    expect(client.frames.filter(({ type }) => type === 'reset')).toEqual([])
    for (const each of [client, other]) each.cut()
  })
})
