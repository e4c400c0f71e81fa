import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RawClient, type Frame } from '../support/raw-client.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** Two nodes are one gateway: published anywhere, connected anywhere. */

let cluster: StartedCluster
let one: StartedNode
let two: StartedNode

beforeAll(async () => {
  cluster = await startCluster(2, {
    namespaces: {
      live: { delivery: 'ephemeral' },
      chat: { clientPublish: 'fanout' },
      ask: { clientPublish: 'forward' },
    },
  })
  ;[one, two] = cluster.nodes as [StartedNode, StartedNode]
})
afterAll(() => cluster.close())

const url = (node: StartedNode): string => `ws://127.0.0.1:${node.port}/v1/ws`

async function connect(
  node: StartedNode,
  user: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<{ client: RawClient; welcome: Frame }> {
  return RawClient.connect(url(node), { token: await node.token(user), ...more })
}

async function subscribed(node: StartedNode, user: string, channel: string): Promise<RawClient> {
  const { client } = await connect(node, user)
  expect(await client.request({ type: 'subscribe', ref: 1, channel })).toMatchObject({ type: 'subscribed' })
  return client
}

describe('two nodes', () => {
  it.each(['news:1', 'live:1'])(
    '%s reaches the subscribers of both, from whichever it is published',
    async (channel) => {
      const clients = [await subscribed(one, 'ann', channel), await subscribed(two, 'bob', channel)]
      await one.publish({ channel, data: 1 })
      for (const client of clients) expect(await client.next('message')).toMatchObject({ channel, data: 1 })
      await two.publish({ channel, data: 2 })
      for (const client of clients) expect(await client.next('message')).toMatchObject({ channel, data: 2 })
      for (const client of clients) client.cut()
    },
  )

  it('a client publish reaches the other node', async () => {
    const listener = await subscribed(two, 'bob', 'chat:1')
    const { client } = await connect(one, 'ann')
    await client.request({ type: 'publish', ref: 2, channel: 'chat:1', data: 'hi' })
    expect(await listener.next('message')).toMatchObject({ data: 'hi' })
    for (const each of [client, listener]) each.cut()
  })

  it('a message to a user reaches him wherever he is, and no other node', async () => {
    const { client } = await connect(two, 'uma')
    const before = await one.metric('sluice_unicast_nodes_sum')
    await one.publish({ user: 'uma', data: 'yours' })
    expect(await client.next('message')).toMatchObject({ channel: '@inbox', data: 'yours' })
    expect((await one.metric('sluice_unicast_nodes_sum')) - before).toBe(1)
    client.cut()
  })

  it('what one node published while a client was away, the other replays', async () => {
    const { client, welcome } = await connect(one, 'rex')
    const { epoch, offset } = await client.request({ type: 'subscribe', ref: 1, channel: 'news:2' })
    client.cut()
    await one.publish({ channel: 'news:2', data: 'missed' })
    await one.publish({ user: 'rex', data: 'missed too' })
    const back = await connect(two, 'rex', {
      session: welcome['session'],
      resume: {
        'news:2': { epoch, offset },
        '@inbox': (welcome['channels'] as Record<string, object>)['@inbox'],
      },
    })
    expect(back.welcome).toMatchObject({ resumed: true, channels: { 'news:2': { recovered: true } } })
    const messages = [await back.client.next('message'), await back.client.next('message')]
    expect(new Set(messages.map(({ data }) => data))).toEqual(new Set(['missed', 'missed too']))
    back.client.cut()
  })

  it('a session that appears on the other node closes its connection on the first', async () => {
    const { client, welcome } = await connect(one, 'tom')
    const second = await connect(two, 'tom', { session: welcome['session'] })
    expect(second.welcome).toMatchObject({ resumed: true })
    expect(await client.closed).toMatchObject({ code: 4409 })
    second.client.cut()
  })

  it('a user is disconnected and revoked from any node', async () => {
    const { client } = await connect(two, 'dan')
    const { client: other } = await connect(two, 'eva')
    expect((await one.api('DELETE', '/v1/users/dan/sessions')).status).toBe(200)
    expect(await client.closed).toMatchObject({ code: 4403 })
    expect((await one.api('POST', '/v1/users/eva/revoke')).status).toBe(200)
    expect(await other.closed).toMatchObject({ code: 4401 })
  })

  it('know of each other', async () => {
    const { nodes } = (await (await two.api('GET', '/v1/nodes')).json()) as { nodes: { id: string }[] }
    expect(new Set(nodes.map(({ id }) => id))).toEqual(new Set([one.id, two.id]))
  })

  it('a duplicate id is published once, through whichever nodes it comes', async () => {
    const client = await subscribed(one, 'ida', 'news:3')
    const results = await Promise.all(
      [one, two].map((node) => node.publish({ channel: 'news:3', data: 'once', id: 'same' })),
    )
    expect(results.flat().filter((result) => 'duplicate' in result).length).toBe(1)
    await one.publish({ channel: 'news:3', data: 'end' })
    expect(await client.next('message')).toMatchObject({ data: 'once' })
    expect(await client.next('message')).toMatchObject({ data: 'end' })
    client.cut()
  })
})
