import { readFileSync } from 'node:fs'
import { connect as dial } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NatsLink } from '../../src/drivers/nats.ts'
import { NatsServer } from '../support/nats-server.ts'
import { RawClient } from '../support/raw-client.ts'
import { RedisServer } from '../support/redis-server.ts'
import { CLUSTER_SECRET } from '../support/start-cluster.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'
import type { ConfigInput } from '../../src/config/schema.ts'

/** The permissions of docs/nats.md, as they stand there: nodes have what they need, and backends have no more than the door. */

const page = readFileSync(new URL('../../docs/nats.md', import.meta.url), 'utf8')
const [, permissions = ''] = /```conf\n([\s\S]*?)```/.exec(page) ?? []

let nats: NatsServer
let redis: RedisServer
let nodes: StartedNode[] = []
const links: NatsLink[] = []

/** As a user of the page; what the server refuses is noted. */
async function as(user: string, inboxPrefix?: string): Promise<{ link: NatsLink; refused: string[] }> {
  const link = new NatsLink({
    urls: [`nats://${user}:${user}-password@127.0.0.1:${nats.port}`],
    name: user,
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
  })
  const refused: string[] = []
  link.watch({
    connected: () => undefined,
    disconnected: () => undefined,
    refused: (reason) => refused.push(reason),
  })
  link.start()
  await link.flush(10_000)
  links.push(link)
  return { link, refused }
}

beforeAll(async () => {
  ;[nats, redis] = await Promise.all([NatsServer.start(undefined, [permissions]), RedisServer.start()])
  const settings = {
    nats: { url: [`nats://gateway:gateway-password@127.0.0.1:${nats.port}`] },
    redis: { url: [redis.url] },
    node: { clusterSecret: CLUSTER_SECRET },
    cluster: { heartbeat: '200ms', nodeTtl: '1500ms', canary: '200ms' },
    namespaces: {
      jobs: { delivery: 'durable' },
      live: { delivery: 'ephemeral' },
      room: { presence: true },
      ask: { clientPublish: 'forward' },
    },
  } satisfies ConfigInput
  nodes = [await startNode(settings), await startNode(settings)]
})
afterAll(async () => {
  await Promise.all(links.map((link) => link.close()))
  await Promise.all(nodes.map((node) => node.close()))
  await Promise.all([nats.stop(), redis.stop()])
})

const connect = async (node: StartedNode, user: string): Promise<RawClient> =>
  (await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token: await node.token(user) })).client

describe('with the permissions of the page', () => {
  it('nodes carry everything: durable, logged and ephemeral messages, inboxes, presence, disconnects', async () => {
    const [one, two] = nodes as [StartedNode, StartedNode]
    const client = await connect(two, 'ann')
    for (const [ref, channel] of ['jobs:1', 'live:1', 'room:1'].entries())
      expect(await client.request({ type: 'subscribe', ref: ref + 1, channel })).toMatchObject({
        type: 'subscribed',
      })
    const other = await connect(one, 'bob')
    await other.request({ type: 'subscribe', ref: 1, channel: 'room:1' })
    await one.publish([
      { channel: 'jobs:1', data: 'durable' },
      { channel: 'live:1', data: 'ephemeral' },
      { channel: 'room:1', data: 'logged' },
      { user: 'ann', data: 'to ann' },
    ])
    const shown = (): unknown[] => client.frames.map(({ data }) => data).filter((data) => data !== undefined)
    await expect.poll(() => new Set(shown())).toEqual(new Set(['durable', 'ephemeral', 'logged', 'to ann']))
    await expect
      .poll(() => client.frames.some(({ type, user }) => type === 'join' && user === 'bob'))
      .toBe(true)
    const { offset } = client.frames.find(({ data }) => data === 'durable') as { offset?: number }
    client.send({ type: 'ack', channel: 'jobs:1', offset })
    await client.settled()
    expect((await one.api('DELETE', '/v1/users/ann/sessions')).status).toBe(200)
    expect((await client.closed).code).toBe(4403)
    for (const node of nodes) {
      const { parts } = (await (await node.api('GET', '/healthz/deep')).json()) as {
        parts: Record<string, { status: string }>
      }
      expect(Object.values(parts).map(({ status }) => status)).not.toContain('down')
      expect(await node.metric('sluice_deaf')).toBe(0)
    }
    // Read again from the stream: a client that comes late, on a node that had nobody.
    const late = await connect(one, 'cem')
    const subscribe = { type: 'subscribe', ref: 1, channel: 'jobs:1' }
    const { epoch } = (await late.request(subscribe)) as { epoch?: string }
    const again = await connect(one, 'dan')
    await again.request({ ...subscribe, from: { epoch, offset: 0 } })
    await expect.poll(() => again.frames.map(({ data }) => data)).toContain('durable')
    for (const one_ of [other, late, again]) one_.cut()
  })

  it('a backend publishes through the door and hears the answer', async () => {
    const client = await connect(nodes[1] as StartedNode, 'eve')
    await client.request({ type: 'subscribe', ref: 1, channel: 'news' })
    const { link, refused } = await as('publisher')
    const answer = await link.request('sluice.publish.news', Buffer.from('"hello"'), 10_000)
    expect(JSON.parse(answer.data.toString())).toMatchObject({ offset: expect.any(Number) as number })
    expect(await client.next('message')).toMatchObject({ data: 'hello' })
    expect(refused).toEqual([])
    client.cut()
  })

  it('a backend answers what clients publish', async () => {
    const { link, refused } = await as('answerer')
    link.subscribe(
      'sluice.inbound.>',
      {},
      (_subject, _data, reply) => void link.respond(reply, Buffer.from('{}')),
    )
    await link.flush()
    const client = await connect(nodes[0] as StartedNode, 'fay')
    client.send({ type: 'publish', ref: 1, channel: 'ask:1', data: 'a question' })
    expect(await client.next('published')).toMatchObject({ ref: 1 })
    expect(refused).toEqual([])
    client.cut()
  })

  it.each([
    ['publisher', 'sluice.all'],
    ['publisher', 'sluice.node.x'],
    ['publisher', 'sluice.ch.news'],
    ['publisher', 'sluice.log.jobs:1'],
    ['publisher', 'sluice.durable.jobs:1'],
    ['publisher', 'sluice.inbound.ask:1'],
    ['publisher', 'sluice.reply.x.1'],
    ['publisher', '$JS.API.STREAM.DELETE.SLUICE'],
    ['publisher', '$KV.sluice-acks.x'],
    ['publisher', '_INBOX.x'],
    ['answerer', 'sluice.publish.news'],
    ['answerer', 'sluice.all'],
    ['answerer', '$JS.API.STREAM.DELETE.SLUICE'],
  ])('the %s may not publish to %s', async (user, subject) => {
    const { link, refused } = await as(user)
    link.publish(subject, Buffer.from('{}'))
    await link.flush()
    await expect.poll(() => refused).toEqual([expect.stringContaining(`Publish to "${subject}"`) as string])
  })

  it.each([
    ['publisher', 'sluice.>'],
    ['publisher', 'sluice.publish.>'],
    ['publisher', 'sluice.ch.news'],
    ['publisher', '$JS.API.>'],
    ['publisher', '>'],
    ['answerer', 'sluice.publish.>'],
    ['answerer', '_INBOX.>'],
    ['answerer', '>'],
  ])('the %s may not listen at %s', async (user, subject) => {
    const { link, refused } = await as(user)
    link.subscribe(subject, {}, () => undefined)
    await link.flush()
    await expect
      .poll(() => refused)
      .toEqual([expect.stringContaining(`Subscription to "${subject}"`) as string])
  })
})

describe('a publish whose answer would go where only nodes or the server write', () => {
  const OWN = [
    'sluice.all',
    'sluice.publish.other',
    'sluice.reply.x',
    '$JS.API.STREAM.DELETE.SLUICE',
    '$SYS.x',
  ]

  it.each(OWN)('to %s is not carried out, is counted, and nothing is written there', async (reply) => {
    // With a node's permissions: what is refused here is not refused by the server.
    const insider = await dial({
      servers: `127.0.0.1:${nats.port}`,
      user: 'gateway',
      pass: 'gateway-password',
    })
    const refusals = async (): Promise<number> => {
      const series = 'sluice_packet_refusals_total{why="reply"}'
      const counts = await Promise.all(nodes.map((node) => node.metric(series)))
      return counts.reduce((sum, count) => sum + count, 0)
    }
    const before = await refusals()
    const heard: string[] = []
    insider.subscribe('sluice.>', { callback: (_error, { subject }) => void heard.push(subject) })
    const door = `sluice.publish.deputy:${OWN.indexOf(reply)}`
    insider.publish(door, '"never"', { reply })
    await expect.poll(refusals).toBe(before + 1)
    const { link } = await as('publisher')
    const answer = await link.request(door, Buffer.from('"a good one"'), 10_000)
    expect(JSON.parse(answer.data.toString())).toMatchObject({ offset: 1 })
    await expect.poll(() => heard).toContain(door)
    expect(heard).not.toContain(reply)
    expect(await nats.monitor('/jsz?streams=true')).toMatchObject({ streams: 2 })
    await insider.close()
  })
})
