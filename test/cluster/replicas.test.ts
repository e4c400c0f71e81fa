import { afterEach, describe, expect, it } from 'vitest'
import { REPLICAS_SINCE } from '../../src/drivers/jetstream-servers.ts'
import { NatsCluster, NatsServer, newerNats, versionOf } from '../support/nats-server.ts'
import { RawClient, type Frame } from '../support/raw-client.ts'
import { RedisServer } from '../support/redis-server.ts'
import { because } from '../support/skip-reason.ts'
import { CLUSTER_SECRET } from '../support/start-cluster.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** `durable.replicas: 3`: on servers that keep replicas alike, and refused on those that do not. */

const { program, missing } = newerNats()
const installed = versionOf()
const older = installed.localeCompare(REPLICAS_SINCE, 'en', { numeric: true }) < 0

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

async function redisOf(): Promise<RedisServer> {
  const redis = await RedisServer.start()
  closing.push(() => redis.stop())
  return redis
}

async function nodeAt(urls: readonly string[], redis: RedisServer): Promise<StartedNode> {
  const node = await startNode({
    nats: { url: [...urls] },
    redis: { url: [redis.url] },
    node: { clusterSecret: CLUSTER_SECRET },
    cluster: { heartbeat: '200ms', nodeTtl: '1500ms', canary: '200ms' },
    durable: { replicas: 3 },
    namespaces: { jobs: { delivery: 'durable' } },
  })
  closing.push(() => node.close())
  return node
}

async function connected(node: StartedNode, user: string): Promise<RawClient> {
  return (await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token: await node.token(user) }))
    .client
}

describe.skipIf(!older)(
  `on a server whose replicas come to differ${older ? '' : ` (the one that is installed is ${installed})`}`,
  () => {
    it('durable channels are refused with the reason, and everything else works', async () => {
      const nats = await NatsServer.start()
      closing.push(() => nats.stop())
      const node = await nodeAt([nats.url], await redisOf())
      const says = new RegExp(
        `^the NATS server at 127\\.0\\.0\\.1:${nats.port} is of version .* needs nats-server ${REPLICAS_SINCE}`,
      )
      const refused = await node.api('POST', '/v1/publish', { channel: 'jobs:1', data: 'never' })
      expect(refused.status).toBe(503)
      expect(await refused.json()).toMatchObject({
        error: { code: 'unavailable', message: expect.stringMatching(says) as string },
      })
      const client = await connected(node, 'ann')
      expect(await client.request({ type: 'subscribe', ref: 1, channel: 'jobs:1' })).toMatchObject({
        type: 'error',
        code: 'unavailable',
      })
      expect(await client.request({ type: 'subscribe', ref: 2, channel: 'news:1' })).toMatchObject({
        type: 'subscribed',
      })
      await node.publish({ channel: 'news:1', data: 'arrives' })
      expect(await client.next('message')).toMatchObject({ data: 'arrives' })
      expect((await node.api('GET', '/readyz')).status).toBe(200)
      // No stream was made that another node, or a later setting, would trust.
      expect(await nats.monitor('/jsz?streams=true')).toMatchObject({ streams: 0 })
      client.cut()
    })
  },
)

describe.skipIf(missing !== undefined)(`on three servers that keep replicas alike${because(missing)}`, () => {
  it('all that was confirmed is read at every node, in order, also after all servers were killed', async () => {
    const cluster = await NatsCluster.start(program)
    closing.push(() => cluster.stop())
    const redis = await redisOf()
    // Each node begins at another server, of which one leads.
    const nodes: StartedNode[] = []
    for (const i of [0, 1, 2])
      nodes.push(await nodeAt([...cluster.urls.slice(i), ...cluster.urls.slice(0, i)], redis))
    const confirmed: number[] = []
    const publish = async (n: number): Promise<void> => {
      const node = nodes[n % nodes.length] as StartedNode
      await expect
        .poll(
          async () =>
            (await node.api('POST', '/v1/publish', { channel: 'jobs:1', data: n, id: `id ${n}` })).status,
        )
        .toBe(200)
      confirmed.push(n)
    }
    for (let n = 0; n < 40; n++) await publish(n)
    await Promise.all(cluster.servers.map((server) => server.kill()))
    await Promise.all(cluster.servers.map((server) => server.restart()))
    for (let n = 40; n < 60; n++) await publish(n)
    for (const [i, node] of nodes.entries()) {
      // Reads all of it from the stream, since the user has acknowledged nothing.
      await expect
        .poll(async () => {
          const client = await connected(node, `reader ${i}`)
          await client.request({ type: 'subscribe', ref: 1, channel: 'jobs:1' })
          await client.settled()
          client.cut()
          return client.frames.filter(({ type }) => type === 'message').map(({ data }: Frame) => data)
        })
        .toEqual(confirmed)
    }
  })
})
