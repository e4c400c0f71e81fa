import { afterEach, describe, expect, it } from 'vitest'
import { CuttingProxy } from '../support/cutting-proxy.ts'
import { NatsServer } from '../support/nats-server.ts'
import { RawClient } from '../support/raw-client.ts'
import { RedisServer } from '../support/redis-server.ts'
import { freePorts } from '../support/server-process.ts'
import { CLUSTER_SECRET } from '../support/start-cluster.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'
import type { ConfigInput } from '../../src/config/schema.ts'

/** Two NATS servers lose each other while each keeps its node: no node notices, and what passes between them is lost. */

const WAIT = { interval: 100 }
let ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.toReversed()) await end()
  ends = []
})

interface Pair {
  readonly servers: readonly [NatsServer, NatsServer]
  readonly cut: () => void
  readonly heal: () => void
}

/** Two servers, and the test between them: each knows the other by a proxy only. */
async function pair(): Promise<Pair> {
  const ports = await freePorts(6)
  const at = (i: number): number => ports[i] as number
  const proxies = [new CuttingProxy(at(4)), new CuttingProxy(at(5))] as const
  for (const proxy of proxies) {
    await proxy.listen()
    ends.push(() => proxy.close())
  }
  const start = (i: 0 | 1): Promise<NatsServer> =>
    NatsServer.start({
      name: `n${i}`,
      port: at(i),
      monitorPort: at(i + 2),
      cluster: { port: at(i + 4), routes: [proxies[1 - i]?.port as number] },
    })
  const servers = await Promise.all([start(0), start(1)])
  for (const server of servers) ends.push(() => server.stop())
  for (const server of servers) await expect.poll(() => routesOf(server), WAIT).toBeGreaterThan(0)
  return {
    servers,
    cut() {
      for (const proxy of proxies) {
        proxy.refusing = true
        proxy.cut(1)
      }
    },
    heal() {
      for (const proxy of proxies) proxy.refusing = false
    },
  }
}

async function routesOf(server: NatsServer): Promise<number> {
  const { num_routes: count } = await server.monitor('/routez')
  return count as number
}

async function nodeAt(
  nats: NatsServer,
  redis: RedisServer,
  namespaces: ConfigInput['namespaces'],
): Promise<StartedNode> {
  const node = await startNode({
    nats: { url: [nats.url] },
    redis: { url: [redis.url] },
    node: { clusterSecret: CLUSTER_SECRET },
    ...(namespaces === undefined ? {} : { namespaces }),
    // Nothing is found by looking now and then.
    feeds: { headCheck: '1h' },
  })
  ends.push(() => node.close())
  return node
}

async function clientAt(node: StartedNode): Promise<RawClient> {
  const token = await node.token('ann')
  const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token })
  ends.push(() => client.cut())
  return client
}

const tryPublish = async (node: StartedNode, channel: string, data: string): Promise<number> =>
  (await node.api('POST', '/v1/publish', { channel, data, id: data })).status

describe('when two NATS servers find each other again', () => {
  it.each([
    ['with replay', 'news', undefined],
    ['that is durable', 'jobs:1', { jobs: { delivery: 'durable' } }],
  ] as const)(
    'what passed while they were apart comes at once, of a channel %s',
    async (_kind, channel, namespaces) => {
      const { servers, cut, heal } = await pair()
      const redis = await RedisServer.start()
      ends.push(() => redis.stop())
      const nodes = [await nodeAt(servers[0], redis, namespaces), await nodeAt(servers[1], redis, namespaces)]
      const clients = await Promise.all(nodes.map(clientAt))
      for (const [at, node] of nodes.entries()) {
        await expect.poll(() => tryPublish(node, channel, `first ${at}`), WAIT).toBe(200)
      }
      for (const client of clients) {
        const subscribe = (): Promise<unknown> =>
          client.request({ type: 'subscribe', ref: 1, channel, from: { last: 0 } })
        await expect.poll(subscribe, WAIT).toMatchObject({ type: 'subscribed' })
      }
      const got = (): unknown[][] =>
        clients.map(({ frames }) => frames.filter(({ type }) => type === 'message').map(({ data }) => data))
      // The stream of durable channels is at one of the servers, and answers the node there only.
      const publishAt = async (data: string): Promise<boolean> => {
        for (const node of nodes) if ((await tryPublish(node, channel, data)) === 200) return true
        return false
      }
      expect(await publishAt('whole')).toBe(true)
      await expect.poll(got, WAIT).toEqual([['whole'], ['whole']])

      cut()
      await expect.poll(() => routesOf(servers[0]), WAIT).toBe(0)
      expect(await publishAt('apart')).toBe(true)
      const without = got().filter((messages) => !messages.includes('apart'))
      expect(without.length).toBeGreaterThan(0)

      heal()
      await expect.poll(got, WAIT).toEqual([
        ['whole', 'apart'],
        ['whole', 'apart'],
      ])
      expect(clients.flatMap(({ frames }) => frames.filter(({ type }) => type === 'reset'))).toEqual([])
    },
  )
})
