import { afterAll, beforeAll } from 'vitest'
import { RedisPresenceStore } from '../../src/presence/redis.ts'
import { openRedis } from '../support/redis-links.ts'
import { RedisCluster } from '../support/redis-server.ts'
import { describePresenceStore } from './presence.suite.ts'

let cluster: RedisCluster

beforeAll(async () => {
  cluster = await RedisCluster.start()
})
afterAll(() => cluster.stop())

describePresenceStore('RedisPresenceStore on a Redis Cluster', async (options) => {
  const links = [await openRedis(cluster.urls), await openRedis(cluster.urls)] as const
  const [one, other] = [
    new RedisPresenceStore(links[0], options),
    new RedisPresenceStore(links[1], options),
  ] as const
  return {
    one,
    other,
    advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    async close() {
      await Promise.all([one.close(), other.close()])
      for (const link of links) link.close()
    },
  }
})
