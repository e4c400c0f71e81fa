import { afterEach, describe, expect, it } from 'vitest'
import type { RedisLink, RedisLinkOptions } from '../../src/drivers/redis.ts'
import type { NewMessage } from '../../src/protocol/message.ts'
import type { Keeps } from '../../src/replay/wholeness.ts'
import { RedisReplayLog, type RedisReplayLogOptions } from '../../src/replay/redis.ts'
import { openRedis, REDIS_PATIENCE_MS } from '../support/redis-links.ts'
import { RedisServer } from '../support/redis-server.ts'
import { describeReplayLog } from './replay-log.suite.ts'

describeReplayLog('RedisReplayLog', async () => {
  const server = await RedisServer.start()
  const links = [await openRedis([server.url]), await openRedis([server.url])] as const
  return {
    one: new RedisReplayLog(links[0]),
    other: new RedisReplayLog(links[1]),
    advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    async lose() {
      await server.restart()
      for (const link of links) await link.ready(REDIS_PATIENCE_MS)
    },
    async close() {
      for (const link of links) link.close()
      await server.stop()
    },
  }
})

const POLICY = { ttlMs: 600_000, max: 1000, idempotencyMs: 600_000 }
const OTHER_POLICY = { ttlMs: 300_000, max: 10, idempotencyMs: 300_000 }
const UNAVAILABLE = { name: 'SluiceError', code: 'unavailable' }
const ALL = 10_000

describe('RedisReplayLog when Redis fails', () => {
  let closing: (() => Promise<void> | void)[] = []

  afterEach(async () => {
    for (const close of closing.toReversed()) await close()
    closing = []
  })

  async function serve(...settings: string[]): Promise<RedisServer> {
    const server = await RedisServer.start(settings)
    closing.push(() => server.stop())
    return server
  }

  async function connect(
    server: RedisServer,
    options: Partial<RedisLinkOptions> = {},
    logOptions: RedisReplayLogOptions = {},
  ): Promise<{ log: RedisReplayLog; link: RedisLink }> {
    const link = await openRedis([server.url], options)
    closing.push(() => link.close())
    return { log: new RedisReplayLog(link, logOptions), link }
  }

  it('every call fails with unavailable while the server is away, and works once it is back', async () => {
    const server = await serve()
    const { log, link } = await connect(server)
    const before = await log.append('a', message('x'), POLICY)
    await server.kill()
    const calls = [
      () => log.append('a', message('x'), POLICY),
      () => log.read('a', before, ALL),
      () => log.last('a', 1),
      () => log.head('a'),
    ]
    for (const call of calls) await expect(call()).rejects.toMatchObject(UNAVAILABLE)
    await expect.poll(() => log.healthy()).toBe(false)
    await server.restart()
    await link.ready(REDIS_PATIENCE_MS)
    expect(log.healthy()).toBe(true)
    expect((await log.append('a', message('y'), POLICY)).epoch).not.toBe(before.epoch)
  })

  it('a call that is under way when the server dies fails with unavailable', async () => {
    const server = await serve()
    const { log } = await connect(server)
    await log.head('a')
    server.pause()
    const outcomes = Promise.allSettled([
      log.append('a', message('x'), POLICY),
      log.head('a'),
      log.last('a', 1),
    ])
    await server.kill()
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: UNAVAILABLE })
  })

  it('a server that answers nothing makes calls fail after their time limit, and is used again when it answers', async () => {
    const server = await serve()
    const { log, link } = await connect(server, { hotTimeoutMs: 100, bulkTimeoutMs: 100 })
    const before = await log.append('a', message('x'), POLICY)
    server.pause()
    await expect(log.append('a', message('lost or not', 'id'), POLICY)).rejects.toMatchObject(UNAVAILABLE)
    await expect(log.read('a', before, ALL)).rejects.toMatchObject(UNAVAILABLE)
    await expect.poll(() => log.healthy()).toBe(false)
    await expect(log.head('a')).rejects.toMatchObject(UNAVAILABLE)
    server.resume()
    await link.ready(REDIS_PATIENCE_MS)
    await expect
      .poll(() => log.append('a', message('lost or not', 'id'), POLICY).catch(() => undefined))
      .toMatchObject({ epoch: before.epoch, offset: before.offset + 1 })
    expect(await log.read('a', before, ALL)).toMatchObject({ kind: 'range', messages: [{ id: 'id' }] })
  })

  it('scripts that the server has forgotten are told again', async () => {
    const server = await serve()
    const { log } = await connect(server)
    const before = await log.append('a', message('x'), POLICY)
    server.command('script', 'flush')
    expect(await log.append('a', message('y'), POLICY)).toMatchObject({ epoch: before.epoch, offset: 2 })
    server.command('script', 'flush')
    expect(await log.read('a', before, ALL)).toMatchObject({ kind: 'range', messages: [{ offset: 2 }] })
  })

  it('L4 a restart with data on disk begins a new epoch: the last moments may be missing', async () => {
    const server = await serve('--appendonly', 'yes')
    const { log, link } = await connect(server)
    const before = await log.append('a', message('x'), POLICY)
    await server.restart()
    await link.ready(REDIS_PATIENCE_MS)
    expect(await log.read('a', before, ALL)).toMatchObject({ kind: 'lost', why: 'epoch' })
    const after = await log.append('a', message('y'), POLICY)
    expect(after.epoch).not.toBe(before.epoch)
    expect(await log.head('a')).toEqual({ epoch: after.epoch, offset: after.offset })
  })

  it('L4 a replica that takes over begins a new epoch, whatever it has got', async () => {
    const master = await serve()
    const replica = await serve('--replicaof', '127.0.0.1', String(master.port))
    const { log } = await connect(master)
    const { log: successor } = await connect(replica)
    const before = await log.append('a', message('x'), POLICY)
    await expect.poll(() => replica.command('keys', '*')).toContain('sluice:log:{a}')
    // A replica takes no appends.
    await expect(successor.append('a', message('y'), POLICY)).rejects.toMatchObject(UNAVAILABLE)
    await master.kill()
    replica.command('replicaof', 'no', 'one')
    await expect
      .poll(() => successor.read('a', before, ALL).catch(() => undefined))
      .toMatchObject({ kind: 'lost', why: 'epoch', head: { offset: 0 } })
  })

  it('L3 a key that the server has evicted is a loss that readers are told of', async () => {
    const server = await serve()
    const { log } = await connect(server)
    const first = await log.append('a', message('1', 'id'), POLICY)
    await log.append('a', message('2'), POLICY)
    server.command('del', 'sluice:log:{a}')
    expect(await log.read('a', first, ALL)).toMatchObject({
      kind: 'lost',
      why: 'trimmed',
      head: { offset: 2 },
    })
    const third = await log.append('a', message('3'), POLICY)
    expect(await log.read('a', first, ALL)).toMatchObject({
      kind: 'lost',
      why: 'trimmed',
      head: { offset: 3 },
    })
    server.command('del', 'sluice:pos:{a}')
    expect(await log.read('a', third, ALL)).toMatchObject({ kind: 'lost', why: 'epoch', head: { offset: 0 } })
    expect(await log.last('a', ALL)).toMatchObject({ kind: 'range', messages: [] })
    // The message that had this id is lost, so its repetition is the first.
    expect(await log.append('a', message('1', 'id'), POLICY)).toMatchObject({ duplicate: false, offset: 1 })
  })

  it('L3 a message that nobody can read is a loss that readers are told of', async () => {
    const server = await serve()
    const { log } = await connect(server)
    const first = await log.append('a', message('1'), POLICY)
    server.command('xadd', 'sluice:log:{a}', '2-1', 'm', 'nonsense')
    server.command('hset', 'sluice:pos:{a}', 'o', '2')
    const third = await log.append('a', message('3'), POLICY)
    expect(await log.read('a', first, ALL)).toMatchObject({ kind: 'lost', why: 'trimmed' })
    expect(await log.last('a', ALL)).toMatchObject({ kind: 'range', messages: [{ offset: third.offset }] })
  })

  it('L1 all that a channel is given in a turn is one command, and no message costs another', async () => {
    const server = await serve()
    const { log } = await connect(server)
    await log.append('a', message('first'), POLICY)
    const before = scriptCalls(server)
    const appended = await Promise.all(
      Array.from({ length: 100 }, (_, n) => log.append('a', message(`${n}`, `id ${n % 50}`), POLICY)),
    )
    expect(scriptCalls(server) - before).toBe(1)
    const offsets = Array.from({ length: 100 }, (_, n) => 2 + (n % 50))
    expect(appended.map(({ offset, previous }) => [offset, previous])).toEqual(offsets.map((n) => [n, n - 1]))
    expect(appended.map(({ duplicate }) => duplicate)).toEqual(offsets.map((_, n) => n >= 50))
  })

  it('L1 all that the channels of one server are given in a turn is one command', async () => {
    const server = await serve()
    const { log } = await connect(server)
    await log.append('a', message('first'), POLICY)
    const before = scriptCalls(server)
    const looksBefore = callsOf(server, 'info')
    const channels = Array.from({ length: 100 }, (_, n) => `channel ${n % 40}`)
    const appended = await Promise.all(
      channels.map((name, n) =>
        log.append(name, message(`${n}`, n >= 80 ? 'same' : undefined), n % 2 === 0 ? POLICY : OTHER_POLICY),
      ),
    )
    expect(scriptCalls(server) - before).toBe(1)
    // Whether the server is another one is looked up once for all of them; the rest are the looks of this test.
    expect(callsOf(server, 'info') - looksBefore).toBeLessThan(10)
    expect(appended.map(({ offset }) => offset)).toEqual(channels.map((_, n) => 1 + Math.floor(n / 40)))
    expect(new Set(appended.map(({ epoch }) => epoch)).size).toBe(40)
    for (const [name, kept] of [
      ['channel 0', ['0', '40', '80']],
      ['channel 39', ['39', '79']],
    ] as const) {
      expect(await log.last(name, ALL)).toMatchObject({
        messages: kept.map((text) => ({ channel: name, data: Buffer.from(text) })),
      })
    }
    expect(await log.append('channel 1', message('again', 'same'), OTHER_POLICY)).toMatchObject({
      duplicate: true,
      offset: 3,
    })
    expect(server.command('--raw', 'pttl', 'sluice:ids:{channel 1}').trim()).not.toBe('-1')
  })

  it('a channel whose keys somebody has spoilt fails alone, and what the others are given reaches the copies', async () => {
    const server = await serve()
    const replica = await serve('--replicaof', '127.0.0.1', String(server.port))
    const { log } = await connect(server)
    server.command('set', 'sluice:pos:{spoilt}', 'text')
    const outcomes = await Promise.allSettled(
      ['a', 'spoilt', 'b'].map((name) => log.append(name, message(name), POLICY)),
    )
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(String((outcomes[1] as PromiseRejectedResult).reason)).toMatch(
      /Redis refused a command: WRONGTYPE/,
    )
    await expect
      .poll(() => replica.command('--raw', 'exists', 'sluice:log:{a}', 'sluice:log:{b}').trim())
      .toBe('2')
  })

  it('a channel of which it is not known yet whether something is lost fails with unavailable, and no other', async () => {
    const server = await serve('--appendonly', 'yes', '--appendfsync', 'always')
    const keeps: { now: Keeps } = { now: 'some' }
    const { log, link } = await connect(server, {}, { keeps: () => keeps.now })
    keeps.now = `all:${generationOf(server)}`
    await log.append('old', message('x'), POLICY)
    await server.restart()
    await link.ready(REDIS_PATIENCE_MS)
    keeps.now = 'unknown'
    const outcomes = await Promise.allSettled(
      ['old', 'new'].map((name) => log.append(name, message(name), POLICY)),
    )
    expect(outcomes).toMatchObject([{ status: 'rejected', reason: UNAVAILABLE }, { status: 'fulfilled' }])
    keeps.now = `all:${generationOf(server)}`
    expect(await log.append('old', message('y'), POLICY)).toMatchObject({ offset: 2 })
  })

  it('L1 what is asked of a channel between two appends of a turn comes between them', async () => {
    const server = await serve()
    const { log } = await connect(server)
    const [, between, , , kept] = await Promise.all([
      log.append('a', message('1'), POLICY),
      log.head('a'),
      log.append('a', message('2'), POLICY),
      log.remove('a'),
      log.append('a', message('3'), POLICY),
    ])
    expect(between.offset).toBe(1)
    expect(kept.offset).toBe(3)
    expect(await log.last('a', ALL)).toMatchObject({ messages: [{ data: Buffer.from('3') }] })
  })

  it('L6 a position that has been forgotten is told of, and the keys are gone by themselves', async () => {
    const server = await serve()
    const { log } = await connect(server, {}, { positionTtlMs: 200 })
    const brief = { ttlMs: 50, max: 10, idempotencyMs: 50 }
    const appended = await log.append('a', message('x', 'id'), brief)
    const idle = await log.head('never used')
    // -1 is a key that stays; one may be gone already.
    for (const key of server.command('keys', '*').trim().split('\n'))
      expect(server.command('pttl', key).trim()).not.toBe('-1')
    await expect.poll(() => server.command('dbsize').trim()).toBe('0')
    expect(await log.read('a', appended, ALL)).toMatchObject({ kind: 'lost', why: 'epoch' })
    expect(await log.read('never used', idle, ALL)).toMatchObject({ kind: 'lost', why: 'epoch' })
  })

  it('L6 a position stays for as long as somebody asks for it', async () => {
    const server = await serve()
    const { log } = await connect(server, {}, { positionTtlMs: 1_000 })
    const idle = await log.head('idle')
    const other = await log.head('forgotten')
    while (server.command('exists', 'sluice:pos:{forgotten}').trim() === '1') await log.head('idle')
    expect(await log.read('idle', idle, ALL)).toMatchObject({ kind: 'range' })
    expect(await log.read('forgotten', other, ALL)).toMatchObject({ kind: 'lost', why: 'epoch' })
  })

  it('L6 a channel that nobody has published to lives on for as long again as it was asked for, and one that somebody has for long', async () => {
    const server = await serve()
    const { log } = await connect(server, {}, { askedTtlMs: 1_000 })
    const life = (channel: string): number =>
      Number(server.command('--raw', 'pttl', `sluice:pos:{${channel}}`))
    await Promise.all(Array.from({ length: 200 }, (_, n) => log.head(`made up ${n}`)))
    const idle = await log.head('idle')
    expect(server.command('--raw', 'dbsize').trim()).toBe('201')
    expect(life('idle')).toBeLessThanOrEqual(1_000)
    // The longer somebody stays, the longer it lives on.
    for (;;) {
      expect(await log.head('idle')).toEqual(idle)
      if (life('idle') > 1_500) break
      expect(life('idle')).toBeGreaterThan(0)
    }
    expect(server.command('--raw', 'dbsize').trim()).toBe('1')
    const first = await log.append('idle', message('x'), POLICY)
    expect(first).toMatchObject({ epoch: idle.epoch, offset: 1, previous: idle.offset })
    expect(life('idle')).toBeGreaterThan(600_000)
    await log.head('idle')
    expect(life('idle')).toBeGreaterThan(600_000)
  })

  it('L2 a channel remembers so many ids and no more, the oldest are forgotten first, and all are in one key', async () => {
    const server = await serve()
    const { log } = await connect(server, {}, { idsPerChannelMax: 100 })
    const first = await Promise.all(
      Array.from({ length: 1000 }, (_, n) => log.append('a', message('x', `id ${n}`), POLICY)),
    )
    expect(server.command('--raw', 'keys', '*').trim().split('\n').length).toBe(3)
    // Two fields of each, and three of all of them.
    expect(server.command('hlen', 'sluice:ids:{a}').trim()).toBe('203')
    for (const n of [900, 999]) {
      const again = await log.append('a', message('x', `id ${n}`), POLICY)
      expect(again).toMatchObject({ offset: first[n]?.offset, duplicate: true })
    }
    expect(await log.append('a', message('x', 'id 899'), POLICY)).toMatchObject({ duplicate: false })
    // That was a new one, for which the oldest was forgotten.
    expect(await log.append('a', message('x', 'id 900'), POLICY)).toMatchObject({ duplicate: false })
    expect(await log.append('a', message('x', 'id 899'), POLICY)).toMatchObject({ duplicate: true })
  })

  it('L2 an id is forgotten in its time, though others keep coming', async () => {
    const server = await serve()
    const { log } = await connect(server)
    const brief = { ttlMs: 600_000, max: 1000, idempotencyMs: 200 }
    const { offset } = await log.append('a', message('x', 'early'), brief)
    let last = 0
    for (;;) {
      await log.append('a', message('x', `other ${last++}`), brief)
      const again = await log.append('a', message('x', 'early'), brief)
      if (!again.duplicate) break
      expect(again.offset).toBe(offset)
    }
    expect(last).toBeGreaterThan(1)
    // It is remembered anew, and its former place in the queue takes nothing from it.
    for (let n = 0; n < 5; n++) await log.append('a', message('x', `more ${n}`), POLICY)
    expect(server.command('--raw', 'hexists', 'sluice:ids:{a}', 'iearly').trim()).toBe('1')
    expect(Number(server.command('--raw', 'hlen', 'sluice:ids:{a}'))).toBeLessThan(2 * (last + 7) + 3)
    await log.append('a', message('x', 'the last'), brief)
    await expect.poll(() => server.command('--raw', 'exists', 'sluice:ids:{a}').trim()).toBe('0')
  })

  it('L5 a channel that is never silent forgets what is too old, too', async () => {
    const server = await serve()
    const { log } = await connect(server)
    const brief = { ttlMs: 2000, max: 100_000, idempotencyMs: 50 }
    const oldest = (): string => server.command('--raw', 'xrange', 'sluice:log:{a}', '-', '+', 'COUNT', '1')
    await log.append('a', message('first'), brief)
    while (oldest().startsWith('1-')) {
      for (let i = 0; i < 10; i++) await log.append('a', message('x'), brief)
    }
    const { messages } = (await log.last('a', ALL)) as { messages: readonly { offset: number }[] }
    expect(messages.length).toBeGreaterThan(0)
    expect(messages[0]?.offset).toBeGreaterThan(1)
  })
})

function message(data: string, id?: string): NewMessage {
  return { data: Buffer.from(data), binary: false, id, time: 1 }
}

function generationOf(server: RedisServer): string {
  return /master_replid:(\w+)/.exec(server.command('info', 'replication'))?.[1] as string
}

/** How often scripts were called, by whomever. */
function scriptCalls(server: RedisServer): number {
  return callsOf(server, 'eval') + callsOf(server, 'evalsha')
}

function callsOf(server: RedisServer, command: string): number {
  const stats = server.command('info', 'commandstats')
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}
