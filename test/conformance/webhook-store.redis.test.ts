import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RedisLink } from '../../src/drivers/redis.ts'
import { RedisWebhookStore } from '../../src/webhooks/redis.ts'
import { openRedis } from '../support/redis-links.ts'
import { RedisServer } from '../support/redis-server.ts'
import { describeWebhookStore } from './webhook-store.suite.ts'

describeWebhookStore('RedisWebhookStore', async (options) => {
  const server = await RedisServer.start()
  const links = [await openRedis([server.url]), await openRedis([server.url])] as const
  return {
    one: new RedisWebhookStore(links[0], options),
    other: new RedisWebhookStore(links[1], options),
    advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    async close() {
      for (const link of links) link.close()
      await server.stop()
    },
  }
})

describe('RedisWebhookStore', () => {
  let server: RedisServer
  let link: RedisLink

  beforeAll(async () => {
    server = await RedisServer.start()
    link = await openRedis([server.url], { bulkTimeoutMs: 200 })
  })
  afterAll(async () => {
    link.close()
    await server.stop()
  })

  it('H5 what was held when everybody went is not over when the first comes back an hour later', async () => {
    const store = new RedisWebhookStore(link, { backlog: 10 })
    const changes = [{ key: 'o\nx', held: true, graceMs: 0 }]
    await store.report('a', { after: 0, version: 1, changes })
    await store.tend('a', 1)
    await store.bury('a', 30_000)
    // As if the last look had been an hour ago.
    const hourAgo = String(Date.now() - 3_600_000)
    server.command('hset', 'sluice:{webhooks}:clock', 'looked', hourAgo)
    await store.tend('b', 0)
    expect((await store.read('events', '', 10)).length).toBe(1)
    const tended = Number(server.command('hget', 'sluice:{webhooks}:clock', 'tended').trim())
    expect(tended).toBeGreaterThanOrEqual(5_000)
    expect(tended).toBeLessThan(6_000)
  })

  it('its keys are in one slot, and what has ended leaves none', async () => {
    const store = new RedisWebhookStore(link, { backlog: 10 })
    const keys = server.command('keys', '*').trim().split('\n')
    expect(keys.every((key) => key.startsWith('sluice:{webhooks}:'))).toBe(true)
    server.command('hset', 'sluice:{webhooks}:clock', 'tended', '99999999')
    await store.tend('b', 0)
    const left = server.command('keys', '*').trim().split('\n').toSorted()
    expect(left).toEqual(['clock', 'j:events', 'numbers'].map((name) => `sluice:{webhooks}:${name}`))
  })

  it('fails with unavailable while the server answers nothing', async () => {
    const store = new RedisWebhookStore(link, { backlog: 10 })
    server.pause()
    await expect(store.tend('a', 0)).rejects.toMatchObject({ code: 'unavailable' })
    server.resume()
  })
})
