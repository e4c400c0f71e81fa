import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { RedisLink } from '../../src/drivers/redis.ts'
import { RedisRegistry } from '../../src/registry/redis.ts'
import type { RedisRegistryOptions } from '../../src/registry/redis-options.ts'
import { VERSION_TTL_MS, type NodeInfo } from '../../src/registry/registry.ts'
import { inboxOf } from '../../src/protocol/channel.ts'
import { RedisReplayLog } from '../../src/replay/redis.ts'
import { openRedis, REDIS_PATIENCE_MS } from '../support/redis-links.ts'
import { RedisServer } from '../support/redis-server.ts'
import { describeRegistry } from './registry.suite.ts'

describeRegistry('RedisRegistry', async (options) => {
  const server = await RedisServer.start()
  const links = [await openRedis([server.url]), await openRedis([server.url])] as const
  const registries = links.map((link) => new RedisRegistry(link, options, systemClock))
  return {
    one: registries[0] as RedisRegistry,
    other: registries[1] as RedisRegistry,
    advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    async close() {
      for (const registry of registries) await registry.close()
      for (const link of links) link.close()
      await server.stop()
    },
  }
})

const OPTIONS: RedisRegistryOptions = { nodeTtlMs: 60_000, sessionTtlMs: 60_000 }
const POLICY = { ttlMs: 60_000, max: 10, idempotencyMs: 60_000 }

describe('RedisRegistry', () => {
  let closing: (() => Promise<void> | void)[] = []

  afterEach(async () => {
    for (const close of closing.toReversed()) await close()
    closing = []
  })

  async function serve(): Promise<RedisServer> {
    const server = await RedisServer.start()
    closing.push(() => server.stop())
    return server
  }

  async function connect(
    server: RedisServer,
    options: Partial<RedisRegistryOptions> = {},
    timeoutMs = 5_000,
  ): Promise<{ registry: RedisRegistry; link: RedisLink }> {
    const link = await openRedis([server.url], { hotTimeoutMs: timeoutMs, bulkTimeoutMs: timeoutMs })
    const registry = new RedisRegistry(link, { ...OPTIONS, ...options }, systemClock)
    closing.push(
      () => registry.close(),
      () => link.close(),
    )
    return { registry, link }
  }

  it('a node enters its sessions again when Redis comes back empty', async () => {
    const server = await serve()
    const { registry, link } = await connect(server)
    await registry.heartbeat(node('n1'))
    for (let i = 0; i < 250; i++) await registry.claim(`user ${i}`, `s${i}`, 'n1')
    await registry.release('user 7', 's7', 'n1')
    await server.restart()
    await link.ready(REDIS_PATIENCE_MS)
    await registry.heartbeat(node('n1'))
    await expect.poll(() => server.command('dbsize').trim()).toBe('250')
    expect(await registry.locate('user 8')).toEqual([{ session: 's8', node: 'n1' }])
    expect(await registry.locate('user 7')).toEqual([])
  })

  it('nothing stays in Redis of versions and orders that nobody names any more', async () => {
    const server = await serve()
    const { registry } = await connect(server)
    /** How long Redis keeps a key at most, in minutes from now. */
    const keptMinutes = (key: string): number => Number(server.command('pttl', key)) / 60_000
    await registry.firstSeen('1', undefined)
    const versionMinutes = VERSION_TTL_MS / 60_000
    expect(keptMinutes('sluice:versions')).toBeGreaterThan(versionMinutes - 5)
    expect(keptMinutes('sluice:versions')).toBeLessThanOrEqual(versionMinutes)
    for (const shelf of ['orders', 'drains'] as const) {
      await registry.put(shelf, 'long', 'x', 60 * 60_000)
      await registry.put(shelf, 'short', 'x', 10 * 60_000)
      // As long as what is kept longest.
      expect(keptMinutes(`sluice:${shelf}`)).toBeGreaterThan(55)
      expect(keptMinutes(`sluice:${shelf}`)).toBeLessThanOrEqual(60)
    }
    // One that was named for the last time longer ago is new when it comes back, and one that is not goes with the next word.
    const longAgo = Date.now() - VERSION_TTL_MS - 60_000
    server.command(
      'hset',
      'sluice:versions',
      'old',
      `${longAgo} ${longAgo}`,
      'older',
      `${longAgo} ${longAgo}`,
    )
    expect(await registry.firstSeen('old', undefined)).toBeGreaterThan(longAgo + VERSION_TTL_MS)
    expect(server.command('hkeys', 'sluice:versions').split('\n').filter(Boolean).toSorted()).toEqual([
      '1',
      'old',
    ])
  })

  it('a node whose entry in the table is gone enters its sessions again', async () => {
    const server = await serve()
    const { registry } = await connect(server)
    await registry.heartbeat(node('n1'))
    await registry.claim('alice', 's1', 'n1')
    server.command('flushall')
    await registry.heartbeat(node('n1'))
    await expect.poll(() => registry.locate('alice')).toEqual([{ session: 's1', node: 'n1' }])
  })

  it('a session that has moved to another node meanwhile is not taken back', async () => {
    const server = await serve()
    const { registry } = await connect(server)
    const { registry: elsewhere } = await connect(server)
    await registry.heartbeat(node('n1'))
    await registry.claim('alice', 's1', 'n1')
    await registry.claim('bob', 's2', 'n1')
    server.command('flushall')
    await elsewhere.heartbeat(node('n2'))
    await elsewhere.claim('alice', 's1', 'n2')
    await registry.heartbeat(node('n1'))
    await expect.poll(() => elsewhere.locate('bob')).toEqual([{ session: 's2', node: 'n1' }])
    expect(await registry.locate('alice')).toEqual([{ session: 's1', node: 'n2' }])
  })

  it('R8 a session whose claim the server has lost stays with who claimed it last, and not with who had it before', async () => {
    const server = await serve()
    const { registry: before } = await connect(server)
    const { registry, link } = await connect(server)
    const told: string[] = []
    registry.watch({ heldElsewhere: (session) => told.push(session) })
    await before.heartbeat(node('n1'))
    await registry.heartbeat(node('n2'))
    await before.claim('alice', 's1', 'n1')
    const key = server.command('keys', '*user*').trim()
    const entry = server.command('hget', key, 's1').trim()
    const { claim } = await registry.claim('alice', 's1', 'n2')
    // As a replica has it that takes over before it has heard of the second claim.
    server.command('hset', key, 's1', entry)
    expect(await before.locate('alice')).toEqual([{ session: 's1', node: 'n1' }])
    server.command('client', 'kill', 'type', 'normal')
    await link.ready(REDIS_PATIENCE_MS)
    await expect.poll(() => before.locate('alice')).toEqual([{ session: 's1', node: 'n2' }])
    expect(await registry.keep('alice', 's1', 'n2')).toBeUndefined()
    // Who had it before is told, if he still has it; and the next one who comes is the newest again.
    expect(await before.keep('alice', 's1', 'n1')).toMatchObject({ node: 'n2' })
    expect(told).toEqual([])
    expect((await before.claim('alice', 's1', 'n1')).claim).toBeGreaterThan(claim)
  })

  it('R9 a node is told of a session that another node has taken meanwhile, once it is asked to look or Redis is back', async () => {
    const server = await serve()
    const { registry, link } = await connect(server)
    const { registry: elsewhere } = await connect(server)
    const told: string[] = []
    registry.watch({ heldElsewhere: (session) => told.push(session) })
    await registry.heartbeat(node('n1'))
    await elsewhere.heartbeat(node('n2'))
    for (const session of ['s1', 's2', 's3']) await registry.claim('alice', session, 'n1')
    await elsewhere.claim('alice', 's2', 'n2')
    await elsewhere.claim('alice', 's3', 'n2')
    await elsewhere.release('alice', 's3', 'n2')
    registry.recheck()
    await expect.poll(() => told).toEqual(['s2'])
    const places = await elsewhere.locate('alice')
    expect(places.toSorted((a, b) => a.session.localeCompare(b.session))).toEqual([
      { session: 's1', node: 'n1' },
      { session: 's2', node: 'n2' },
      { session: 's3', node: 'n1' },
    ])
    server.command('client', 'kill', 'type', 'normal')
    await link.ready(REDIS_PATIENCE_MS)
    await expect.poll(() => told).toEqual(['s2', 's2'])
  })

  it('R12 so many decisions are remembered, the newest, and a reader is told where there were more', async () => {
    const server = await serve()
    const { registry } = await connect(server, { ordersMax: 3 })
    for (const user of ['a', 'b']) await registry.revoke(user, 1, 60_000)
    expect(await registry.orders(0)).toMatchObject({ complete: true })
    for (const user of ['c', 'd', 'e']) await registry.revoke(user, 1, 60_000)
    const { complete, revoked } = await registry.orders(0)
    expect(complete).toBe(false)
    expect([...revoked.keys()].toSorted()).toEqual(['c', 'd', 'e'])
    expect(server.command('zcard', 'sluice:{orders}:when').trim()).toBe('3')
    expect(server.command('hlen', 'sluice:{orders}:upto').trim()).toBe('3')
  })

  it('R7 the number of a claim grows although the clock of the store is set back', async () => {
    const server = await serve()
    const { registry } = await connect(server)
    await registry.heartbeat(node('n1'))
    const ahead = Date.now() + 3_600_000
    server.command('hset', 'sluice:user:{@alice}', 's1', `c${ahead} n2`)
    expect((await registry.claim('alice', 's1', 'n1')).claim).toBe(ahead + 1)
  })

  it('every key has a time to live', async () => {
    const server = await serve()
    const { registry } = await connect(server)
    await registry.heartbeat(node('n1'))
    await registry.claim('alice', 's1', 'n1')
    await registry.claim('bob', 's2', 'n1')
    await registry.release('bob', 's2', 'n1')
    await registry.revoke('carol', 1, 60_000)
    await registry.disconnect('bob', 60_000)
    await registry.leave('n1')
    const keys = server.command('keys', '*').trim().split('\n')
    expect(keys.toSorted((a, b) => a.localeCompare(b))).toEqual([
      'sluice:{orders}:upto',
      'sluice:{orders}:when',
      'sluice:nodes',
      'sluice:revoked:{@carol}',
      'sluice:user:{@alice}',
      'sluice:user:{@bob}',
    ])
    for (const key of keys) expect(Number(server.command('pttl', key))).toBeGreaterThan(0)
    // Nobody of his is connected, so his sessions need not be known for longer than that.
    expect(Number(server.command('pttl', 'sluice:user:{@bob}'))).toBeLessThanOrEqual(OPTIONS.sessionTtlMs)
  })

  it('a user has no more sessions than allowed; the oldest go, detached ones first', async () => {
    const server = await serve()
    const { registry } = await connect(server, { sessionsPerUserMax: 4 })
    await registry.heartbeat(node('n1'))
    await registry.claim('alice', 'first', 'n1')
    await registry.claim('alice', 'detached', 'n1')
    await registry.release('alice', 'detached', 'n1')
    const sessions = async (): Promise<string[]> =>
      (await registry.locate('alice')).map(({ session }) => session).toSorted((a, b) => a.localeCompare(b))
    for (const session of ['s1', 's2', 's3']) await registry.claim('alice', session, 'n1')
    expect(await sessions()).toEqual(['first', 's1', 's2', 's3'])
    expect(await registry.claim('alice', 's4', 'n1')).toMatchObject({ known: false })
    expect(await sessions()).toEqual(['s1', 's2', 's3', 's4'])
    expect(server.command('hlen', 'sluice:user:{@alice}').trim()).toBe('4')
  })

  it('what a dead node left behind is removed when the user connects again', async () => {
    const server = await serve()
    const { registry } = await connect(server, { nodeTtlMs: 100, sessionTtlMs: 100 })
    await registry.heartbeat(node('dead'))
    await registry.claim('alice', 'left behind', 'dead')
    await expect
      .poll(async () => {
        await registry.heartbeat(node('alive'))
        await registry.claim('alice', 'here', 'alive')
        return server.command('hkeys', 'sluice:user:{@alice}').trim()
      })
      .toBe('here')
    await expect
      .poll(async () => {
        await registry.heartbeat(node('alive'))
        return registry.locate('alice')
      })
      .toEqual([{ session: 'here', node: 'alive' }])
  })

  it('calls fail with unavailable while the server is away, or answers nothing', async () => {
    const server = await serve()
    const { registry, link } = await connect(server, {}, 100)
    await registry.heartbeat(node('n1'))
    await registry.claim('alice', 's1', 'n1')
    const calls = [
      () => registry.claim('alice', 's1', 'n1'),
      () => registry.release('alice', 's2', 'n1'),
      () => registry.locate('alice'),
      () => registry.keep('alice', 's1', 'n1'),
      () => registry.revoke('bob', 1, 1),
      () => registry.revoked('bob'),
      () => registry.disconnect('bob', 1),
      () => registry.orders(0),
      () => registry.heartbeat(node('n1')),
      () => registry.nodes(),
      () => registry.leave('n2'),
    ]
    const unavailable = { name: 'SluiceError', code: 'unavailable' }
    server.pause()
    for (const call of calls) await expect(call()).rejects.toMatchObject(unavailable)
    server.resume()
    await server.kill()
    for (const call of calls) await expect(call()).rejects.toMatchObject(unavailable)
    await expect.poll(() => registry.healthy()).toBe(false)
    await server.restart()
    await link.ready(REDIS_PATIENCE_MS)
    await expect.poll(() => registry.healthy()).toBe(true)
  })

  it('what a node claims stays, although the table of nodes has just been lost', async () => {
    const server = await serve()
    const { registry } = await connect(server, { nodeTtlMs: 100, sessionTtlMs: 100 })
    await registry.heartbeat(node('n1'))
    server.command('flushall')
    await registry.claim('alice', 's1', 'n1')
    await registry.claim('alice', 's2', 'n1')
    await registry.heartbeat(node('n1'))
    expect((await registry.locate('alice')).length).toBe(2)
  })

  it('a user and his inbox are of one hash slot', async () => {
    const server = await serve()
    const { registry, link } = await connect(server)
    const log = new RedisReplayLog(link)
    await registry.claim('al}ice {x}', 's1', 'n1')
    await log.append(
      inboxOf('al}ice {x}'),
      { data: Buffer.from('1'), binary: false, id: 'i', time: 1 },
      POLICY,
    )
    const keys = server.command('keys', '*').trim().split('\n')
    expect(keys.length).toBe(4)
    // What decides the slot: from the first brace to the next closing one (Redis Cluster specification, hash tags).
    expect(keys.map((key) => /\{(.+?)\}/.exec(key)?.[1])).toEqual(['@al', '@al', '@al', '@al'])
  })
})

function node(id: string): NodeInfo {
  return {
    id,
    version: '1',
    region: '',
    role: 'all',
    state: 'active',
    startedAt: 1,
    connections: 0,
    pressure: 0,
    rates: { connects: 0, published: 0, delivered: 0 },
    degraded: [],
    address: '127.0.0.1:1',
  }
}
