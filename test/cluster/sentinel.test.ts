import { afterEach, describe, expect, it } from 'vitest'
import type { RedisLink } from '../../src/drivers/redis.ts'
import { SluiceError } from '../../src/errors.ts'
import type { NewMessage } from '../../src/protocol/message.ts'
import { RedisRegistry } from '../../src/registry/redis.ts'
import { RedisReplayLog } from '../../src/replay/redis.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { openRedis } from '../support/redis-links.ts'
import { RedisSentinel } from '../support/redis-sentinel.ts'

/** Redis behind a Sentinel: the master dies, and its replica serves in its place. */

const POLICY = { ttlMs: 600_000, max: 1000, idempotencyMs: 600_000 }

let redis: RedisSentinel | undefined
let link: RedisLink | undefined

afterEach(async () => {
  link?.close()
  await redis?.stop()
  link = redis = undefined
})

function message(text: string): NewMessage {
  return { data: Buffer.from(text), binary: true, id: text, time: 0 }
}

async function start(): Promise<{ redis: RedisSentinel; link: RedisLink }> {
  redis = await RedisSentinel.start()
  // A call that waits for the dead one must not take as long as the whole failover.
  link = await openRedis([redis.url], { hotTimeoutMs: 1000, bulkTimeoutMs: 1000 })
  return { redis, link }
}

/** The first answer after the failures, which are of the only kind that there may be. */
async function onceItServes<T>(call: () => Promise<T>): Promise<T> {
  let answer: T | undefined
  const tryOnce = async (): Promise<boolean> => {
    try {
      answer = await call()
      return true
    } catch (error) {
      if (error instanceof SluiceError && error.code === 'unavailable') return false
      throw error
    }
  }
  await expect.poll(tryOnce).toBe(true)
  return answer as T
}

describe('when the master dies', () => {
  it('the log goes on with the replica, in a new epoch: the replica may not have had the last messages', async () => {
    const { redis: servers, link: to } = await start()
    const log = new RedisReplayLog(to)
    await log.append('news', message('before'), POLICY)
    const kept = await log.append('news', message('kept'), POLICY)
    expect(kept.offset).toBe(2)
    await servers.master.kill()

    const after = await onceItServes(() => log.append('news', message('after'), POLICY))
    expect(after).toMatchObject({ offset: 1, duplicate: false })
    expect(after.epoch).not.toBe(kept.epoch)
    // Whoever was at the old position is told, and nothing of the new epoch is taken for what he has seen.
    // Reads have a connection of their own, which may be back later.
    expect(await onceItServes(() => log.read('news', kept, 10))).toMatchObject({
      kind: 'lost',
      why: 'epoch',
      head: { offset: 1 },
    })
    expect(await onceItServes(() => log.read('news', { epoch: after.epoch, offset: 0 }, 10))).toMatchObject({
      kind: 'range',
      messages: [{ offset: 1 }],
    })
  })

  it('the registry goes on with the replica', async () => {
    const { redis: servers, link: to } = await start()
    const registry = new RedisRegistry(to, { nodeTtlMs: 60_000, sessionTtlMs: 60_000 }, new ManualClock())
    await registry.claim('ann', 'session', 'node')
    await expect.poll(() => servers.replica.command('dbsize').trim()).not.toBe('0')
    await servers.master.kill()
    const located = await onceItServes(() => registry.claim('ben', 'another', 'node'))
    expect(located.known).toBe(false)
    await registry.close()
  })
})
