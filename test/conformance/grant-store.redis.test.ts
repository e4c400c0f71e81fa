import { expect, it } from 'vitest'
import { RedisGrantStore } from '../../src/webhooks/redis-grants.ts'
import { openRedis } from '../support/redis-links.ts'
import { RedisServer } from '../support/redis-server.ts'
import { describeGrantStore } from './grant-store.suite.ts'

describeGrantStore('RedisGrantStore', async () => {
  const server = await RedisServer.start()
  const links = [await openRedis([server.url]), await openRedis([server.url])] as const
  return {
    one: new RedisGrantStore(links[0]),
    other: new RedisGrantStore(links[1]),
    advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    async close() {
      for (const link of links) link.close()
      await server.stop()
    },
  }
})

it('a user is one key, which ends with the grant that ends last', async () => {
  const server = await RedisServer.start()
  const link = await openRedis([server.url])
  const store = new RedisGrantStore(link)
  await store.put('ann', 'connect', 'yes', 90_000)
  await store.put('ann', 'on a', 'yes', 10_000)
  expect(server.command('keys', '*').trim()).toBe('sluice:grants:{ann}')
  expect(Number(server.command('pttl', 'sluice:grants:{ann}'))).toBeGreaterThan(80_000)
  link.close()
  await server.stop()
})
