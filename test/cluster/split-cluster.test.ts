import { afterEach, describe, expect, it } from 'vitest'
import { NatsServer } from '../support/nats-server.ts'
import { Namespace } from '../support/network-namespace.ts'
import { RawClient } from '../support/raw-client.ts'
import { SplitRedisCluster } from '../support/split-redis-cluster.ts'
import { CLUSTER_SECRET } from '../support/start-cluster.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** A master of a Redis Cluster and one node are cut off from the rest, while the nodes hear each other. */

const WAIT = { interval: 100 }
const { CUT, REPLICA } = SplitRedisCluster
const hindrance = Namespace.hindrance()

let ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.toReversed()) await end()
  ends = []
})

async function clusterOf(nodeTimeoutMs: number, more: readonly string[] = []): Promise<SplitRedisCluster> {
  const redis = await SplitRedisCluster.start({ nodeTimeoutMs, more, users: ['g1', 'g2'] })
  ends.push(() => redis.stop())
  return redis
}

async function nodesAt(redis: SplitRedisCluster): Promise<readonly [StartedNode, StartedNode]> {
  const nats = await NatsServer.start()
  ends.push(() => nats.stop())
  const start = async (user: string): Promise<StartedNode> => {
    const node = await startNode({
      nats: { url: [nats.url] },
      redis: { url: redis.urls(user) },
      node: { clusterSecret: CLUSTER_SECRET },
      cluster: { heartbeat: '200ms', nodeTtl: '1500ms', canary: '200ms' },
    })
    ends.push(() => node.close())
    return node
  }
  return [await start('g1'), await start('g2')]
}

interface Reader {
  resets(): number
  got(): unknown[]
}

async function readerAt(node: StartedNode, channel: string): Promise<Reader> {
  const token = await node.token('ann')
  const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token })
  await client.request({ type: 'subscribe', ref: 1, channel })
  ends.push(() => client.socket.terminate())
  const of = (type: string) => client.frames.filter((frame) => frame.type === type)
  return { resets: () => of('reset').length, got: () => of('message').map(({ data }) => data) }
}

async function publish(
  node: StartedNode,
  channel: string,
  data: string,
): Promise<{ status: number; text: string }> {
  const answer = await node.api('POST', '/v1/publish', { channel, data, id: data })
  return { status: answer.status, text: await answer.text() }
}

/** A channel whose log is at the master that is going to be cut off, or is not. */
async function channelAt(redis: SplitRedisCluster, node: StartedNode, there: boolean): Promise<string> {
  for (let i = 0; ; i++) {
    const channel = `news-${i}`
    // A replica that is a second late, on a busy machine, is none.
    await expect.poll(async () => (await publish(node, channel, 'first')).status, WAIT).toBe(200)
    if (redis.command(CUT, 'keys', '*').includes(channel) === there) return channel
  }
}

describe.skipIf(hindrance !== undefined)(
  `a master of a Redis Cluster that is cut off with a node${hindrance === undefined ? '' : ` (${hindrance})`}`,
  () => {
    it('stops confirming by itself, its replica goes on in a new epoch, and everybody is told by a reset', async () => {
      const redis = await clusterOf(3000)
      const [cut, well] = await nodesAt(redis)
      const channel = await channelAt(redis, cut, true)
      const [atCut, atWell] = [await readerAt(cut, channel), await readerAt(well, channel)]
      expect(await publish(cut, channel, 'before')).toMatchObject({ status: 200 })
      await expect.poll(() => [atCut.got(), atWell.got()], WAIT).toEqual([['before'], ['before']])

      redis.cut()
      redis.keepOut('g1', [1, 2, REPLICA])
      redis.keepOut('g2', [CUT])
      // It may be confirmed, for as long as the master thinks that it is one.
      const confirmed = (await publish(cut, channel, 'lost')).status === 200
      await expect.poll(async () => (await publish(cut, channel, 'refused')).status, WAIT).toBe(503)
      expect(redis.command(CUT, 'cluster', 'info')).toContain('cluster_state:fail')
      await expect.poll(async () => (await publish(well, channel, 'elsewhere')).status, WAIT).toBe(200)
      expect(redis.command(REPLICA, 'info', 'replication')).toContain('role:master')
      // The former one still thinks that it is a master, and confirms nothing.
      expect(redis.command(CUT, 'info', 'replication')).toContain('role:master')
      expect(await publish(cut, channel, 'refused')).toMatchObject({ status: 503 })
      await expect.poll(() => atWell.resets(), WAIT).toBeGreaterThan(0)
      if (confirmed) expect(atWell.got()).toContain('lost')

      redis.heal()
      redis.letIn('g1')
      redis.letIn('g2')
      await expect.poll(() => redis.command(CUT, 'info', 'replication'), WAIT).toContain('role:slave')
      await expect.poll(async () => (await publish(cut, channel, 'after')).status, WAIT).toBe(200)
      // A reset may have covered that one: further ones come, until both have the same one as a message.
      let last = 0
      const together = async (): Promise<boolean> => {
        await publish(cut, channel, `after ${++last}`)
        return [atCut, atWell].every((one) => one.got().includes(`after ${last - 1}`))
      }
      await expect.poll(together, WAIT).toBe(true)
      expect(atCut.resets()).toBeGreaterThan(0)
      expect(redis.command(REPLICA, 'keys', '*')).toContain(channel)
    })

    it('refuses by min-replicas-to-write long before its cluster-node-timeout, while the rest is served', async () => {
      const redis = await clusterOf(60_000, ['--min-replicas-max-lag', '1'])
      redis.command(CUT, 'config', 'set', 'min-replicas-to-write', '1')
      const [cut] = await nodesAt(redis)
      const channel = await channelAt(redis, cut, true)
      const elsewhere = await channelAt(redis, cut, false)
      const reader = await readerAt(cut, channel)
      redis.cutReplica()
      await expect.poll(async () => (await publish(cut, channel, `${Math.random()}`)).status, WAIT).toBe(503)
      expect(redis.command(CUT, 'cluster', 'info')).toContain('cluster_state:ok')
      expect(await publish(cut, elsewhere, 'any')).toMatchObject({ status: 200 })
      redis.heal()
      await expect.poll(async () => (await publish(cut, channel, 'again')).status, WAIT).toBe(200)
      await expect.poll(() => reader.got().at(-1), WAIT).toBe('again')
      expect(reader.resets()).toBe(0)
    })
  },
)
