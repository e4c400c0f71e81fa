import { afterEach, describe, expect, it } from 'vitest'
import { RedisPresenceStore } from '../../src/presence/redis.ts'
import type { RedisLink } from '../../src/drivers/redis.ts'
import { openRedis, REDIS_PATIENCE_MS } from '../support/redis-links.ts'
import { RedisServer } from '../support/redis-server.ts'
import { quiet, saying } from '../support/presence-users.ts'
import { describePresenceStore } from './presence.suite.ts'

describePresenceStore('RedisPresenceStore', async (options) => {
  const server = await RedisServer.start()
  const links = [await openRedis([server.url]), await openRedis([server.url])] as const
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
      await server.stop()
    },
  }
})

describe('RedisPresenceStore', () => {
  let closing: (() => Promise<void> | void)[] = []

  afterEach(async () => {
    for (const close of closing.toReversed()) await close()
    closing = []
  })

  async function connect(
    timeoutMs = 5_000,
  ): Promise<{ server: RedisServer; link: RedisLink; store: RedisPresenceStore }> {
    const server = await RedisServer.start()
    closing.push(() => server.stop())
    const link = await openRedis([server.url], { hotTimeoutMs: timeoutMs, bulkTimeoutMs: timeoutMs })
    closing.push(() => link.close())
    return { server, link, store: new RedisPresenceStore(link, { ttlMs: 60_000 }) }
  }

  it('a channel is one key with a time to live, in the hash slot of the channel', async () => {
    const { server, store } = await connect()
    await store.write('room:1', 'n1', { after: 0, version: 1, put: quiet(['alice', 'bob']), remove: [] })
    await store.write('room:1', 'n2', { after: 0, version: 1, put: quiet(['alice']), remove: [] })
    expect(server.command('keys', '*').trim()).toBe('sluice:presence:{room:1}')
    const ttlMs = Number(server.command('pttl', 'sluice:presence:{room:1}'))
    expect(ttlMs).toBeGreaterThan(0)
    expect(ttlMs).toBeLessThanOrEqual(60_000)
  })

  it('a node of an older version and one of this read each other', async () => {
    const { server, store } = await connect()
    const key = 'sluice:presence:{room}'
    // As write.lua of before enters two users.
    server.command('hset', key, 'old', '1 2', 'old alice', '', 'old with a space', '')
    expect((await store.read('room')).get('old')).toEqual({
      version: 1,
      users: quiet(['alice', 'with a space']),
    })
    await store.write('room', 'new', { after: 0, version: 5, put: saying({ bob: '1' }, 7), remove: [] })
    // It looks at the names of fields, not at what they hold, and at the version of each node.
    expect(server.command('hget', key, 'new').trim()).toBe('5 1')
    expect(server.command('hget', key, 'new bob').trim()).toBe('7 1')
  })

  it('a swept channel leaves nothing in Redis', async () => {
    const { server, store } = await connect()
    await store.write('room:1', 'n1', { after: 0, version: 1, put: quiet(['alice', 'bob']), remove: [] })
    await store.sweep('room:1', ['n1'])
    expect(server.command('dbsize').trim()).toBe('0')
  })

  it('calls fail with unavailable while the server is away, or answers nothing, and once the store is closed', async () => {
    const { server, link, store } = await connect(100)
    const calls = [
      () => store.write('room', 'n1', { after: 0, version: 1, put: quiet(['alice']), remove: [] }),
      () => store.read('room'),
      () => store.sweep('room', ['n1']),
    ]
    const unavailable = { name: 'SluiceError', code: 'unavailable' }
    await store.read('room')
    server.pause()
    for (const call of calls) await expect(call()).rejects.toMatchObject(unavailable)
    server.resume()
    await server.kill()
    for (const call of calls) await expect(call()).rejects.toMatchObject(unavailable)
    await expect.poll(() => store.healthy()).toBe(false)
    await server.restart()
    await link.ready(REDIS_PATIENCE_MS)
    await expect.poll(() => store.healthy()).toBe(true)
    await store.close()
    expect(store.healthy()).toBe(false)
    for (const call of calls) await expect(call()).rejects.toMatchObject(unavailable)
  })
})
