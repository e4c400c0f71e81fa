import { afterAll, beforeAll } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { RedisRegistry } from '../../src/registry/redis.ts'
import { openRedis } from '../support/redis-links.ts'
import { RedisCluster } from '../support/redis-server.ts'
import { describeRegistry } from './registry.suite.ts'

let cluster: RedisCluster

beforeAll(async () => {
  cluster = await RedisCluster.start()
})
afterAll(() => cluster.stop())

describeRegistry('RedisRegistry on a Redis Cluster', async (options) => {
  const links = [await openRedis(cluster.urls), await openRedis(cluster.urls)] as const
  const registries = links.map((link) => new RedisRegistry(link, options, systemClock))
  return {
    one: registries[0] as RedisRegistry,
    other: registries[1] as RedisRegistry,
    advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    async close() {
      for (const registry of registries) await registry.close()
      for (const link of links) link.close()
    },
  }
})
