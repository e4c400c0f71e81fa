import { afterAll, beforeAll } from 'vitest'
import { RedisReplayLog } from '../../src/replay/redis.ts'
import { openRedis, REDIS_PATIENCE_MS } from '../support/redis-links.ts'
import { RedisCluster } from '../support/redis-server.ts'
import { describeReplayLog } from './replay-log.suite.ts'

let cluster: RedisCluster

beforeAll(async () => {
  cluster = await RedisCluster.start()
})
afterAll(() => cluster.stop())

describeReplayLog('RedisReplayLog on a Redis Cluster', async () => {
  // One link is given all servers, the other has to find the rest by itself.
  const links = [await openRedis(cluster.urls), await openRedis([`${cluster.urls[1]}?cluster`])] as const
  const [one, other] = [new RedisReplayLog(links[0]), new RedisReplayLog(links[1])]
  // As a node does: each server is told the scripts before it is called, or the first calls are sent once more, out of order.
  await Promise.all(links.map((link) => link.ready(REDIS_PATIENCE_MS)))
  return {
    one,
    other,
    advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    async lose() {
      await cluster.restart()
      for (const link of links) await link.ready(REDIS_PATIENCE_MS)
    },
    close() {
      for (const link of links) link.close()
      return Promise.resolve()
    },
  }
})
