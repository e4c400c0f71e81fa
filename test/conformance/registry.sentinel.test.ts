import { afterAll, beforeAll } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { RedisRegistry } from '../../src/registry/redis.ts'
import { openRedis } from '../support/redis-links.ts'
import { RedisSentinel } from '../support/redis-sentinel.ts'
import { describeRegistry } from './registry.suite.ts'

let servers: RedisSentinel

beforeAll(async () => {
  servers = await RedisSentinel.start()
})
afterAll(() => servers.stop())

describeRegistry('RedisRegistry through a Sentinel', async (options) => {
  const links = [await openRedis([servers.url]), await openRedis([servers.url])] as const
  const [one, other] = [
    new RedisRegistry(links[0], options, systemClock),
    new RedisRegistry(links[1], options, systemClock),
  ]
  return {
    one,
    other,
    advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    async close() {
      for (const registry of [one, other]) await registry.close()
      for (const link of links) link.close()
    },
  }
})
