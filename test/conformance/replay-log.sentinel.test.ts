import { afterAll, beforeAll } from 'vitest'
import { RedisReplayLog } from '../../src/replay/redis.ts'
import { openRedis, REDIS_PATIENCE_MS } from '../support/redis-links.ts'
import { RedisSentinel } from '../support/redis-sentinel.ts'
import { describeReplayLog } from './replay-log.suite.ts'

/** Longer than a restart takes: what happens when the replica takes over is in test/cluster/sentinel.test.ts. */
const PATIENT = ['sentinel down-after-milliseconds the-master 60000']

let servers: RedisSentinel

beforeAll(async () => {
  servers = await RedisSentinel.start(PATIENT)
})
afterAll(() => servers.stop())

describeReplayLog('RedisReplayLog through a Sentinel', async () => {
  const links = [await openRedis([servers.url]), await openRedis([servers.url])] as const
  return {
    one: new RedisReplayLog(links[0]),
    other: new RedisReplayLog(links[1]),
    advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    async lose() {
      await servers.loseData()
      for (const link of links) await link.ready(REDIS_PATIENCE_MS)
    },
    close() {
      for (const link of links) link.close()
      return Promise.resolve()
    },
  }
})
