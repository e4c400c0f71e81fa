import { createServer, type AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { RedisLink } from '../../src/drivers/redis.ts'
import { openRedis } from '../support/redis-links.ts'
import { RedisSentinels } from '../support/redis-sentinels.ts'

/** A Sentinel that takes connections and never answers: its process is stopped, or its host swaps, or something else listens there. */

const WAIT = { interval: 100 }
const DOWN_AFTER_MS = 500

let ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.toReversed()) await end()
  ends = []
})

async function sentinels(): Promise<RedisSentinels> {
  const redis = await RedisSentinels.start(DOWN_AFTER_MS, [])
  ends.push(() => redis.stop())
  return redis
}

async function linkTo(urls: readonly string[]): Promise<RedisLink> {
  const link = await openRedis(urls)
  ends.push(() => link.close())
  return link
}

const works = (link: RedisLink): Promise<boolean> =>
  link.hashOf('bulk', 'any').then(
    () => true,
    () => false,
  )

describe('one of three Sentinels hangs, the one that is asked first', () => {
  it('and neither a start, nor the trust in the primary, nor a failover waits for it', async () => {
    const redis = await sentinels()
    const before = await linkTo(redis.urls)
    redis.pause(0)
    const link = await linkTo(redis.urls)
    expect(await works(link)).toBe(true)

    // The word of the other two is asked for again and again: it outlasts what the last one of all three was good for.
    const down: string[] = []
    for (const one of [before, link]) {
      one.watch({ connected: () => undefined, disconnected: (reason) => down.push(reason) })
    }
    const untilMs = performance.now() + 2 * (DOWN_AFTER_MS + 2_000)
    while (performance.now() < untilMs) {
      expect([await works(before), await works(link)]).toEqual([true, true])
      await new Promise((resolve) => setTimeout(resolve, WAIT.interval))
    }
    expect(down).toEqual([])

    await redis.primary.kill()
    const roles = (): string => redis.replica.command('info', 'replication')
    await expect.poll(roles, WAIT).toContain('role:master')
    for (const one of [before, link]) await expect.poll(() => works(one), WAIT).toBe(true)
    const late = await linkTo(redis.urls)
    expect(await works(late)).toBe(true)
  })

  it('and with a second one there is no majority any more, until it answers again', async () => {
    const redis = await sentinels()
    const link = await linkTo(redis.urls)
    redis.pause(0)
    redis.pause(1)
    await expect.poll(() => link.healthy(), WAIT).toBe(false)
    await expect(link.hashOf('hot', 'any')).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('no majority of its Sentinels') as string,
    })
    redis.resume(1)
    await expect.poll(() => link.healthy(), WAIT).toBe(true)
    await expect.poll(() => works(link), WAIT).toBe(true)
  })
})

describe('an address of a Sentinel at which something listens that never answers', () => {
  it('stops no start, and no failover', async () => {
    const redis = await sentinels()
    const silent = createServer(() => undefined)
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    ends.push(() => void silent.close())
    const { port } = silent.address() as AddressInfo
    const [first = ''] = redis.urls
    const link = await linkTo([first.replace(/:\d+\//, `:${port}/`), ...redis.urls])
    expect(await works(link)).toBe(true)
    await redis.failover()
    // Until the link has left the former primary, that one still answers.
    const moved = async (): Promise<boolean> =>
      (await works(link)) && redis.replica.command('client', 'list').includes('cmd=hgetall')
    await expect.poll(moved, WAIT).toBe(true)
  })
})
