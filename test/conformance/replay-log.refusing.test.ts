import { rmSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import type { RedisLink } from '../../src/drivers/redis.ts'
import type { NewMessage } from '../../src/protocol/message.ts'
import { RedisPresenceStore } from '../../src/presence/redis.ts'
import { RedisReplayLog } from '../../src/replay/redis.ts'
import { openRedis, REDIS_PATIENCE_MS } from '../support/redis-links.ts'
import { RedisServer } from '../support/redis-server.ts'
import { quiet } from '../support/presence-users.ts'

/** A Redis that answers, and takes no writes for a while: what is in it can be read. */

const POLICY = { ttlMs: 600_000, max: 1000, idempotencyMs: 600_000 }
const UNAVAILABLE = { name: 'SluiceError', code: 'unavailable' }
const POSITION = 'sluice:pos:{a}'

interface Refusal {
  readonly why: string
  begin(server: RedisServer): Promise<void> | void
  end(server: RedisServer): void
}

const REFUSALS: readonly Refusal[] = [
  {
    why: 'its memory is full (OOM)',
    begin: (server) =>
      void server.command('config', 'set', 'maxmemory', '1', 'maxmemory-policy', 'noeviction'),
    end: (server) => void server.command('config', 'set', 'maxmemory', '0'),
  },
  {
    why: 'it lacks the replicas that it needs (NOREPLICAS)',
    begin: (server) => void server.command('config', 'set', 'min-replicas-to-write', '1'),
    end: (server) => void server.command('config', 'set', 'min-replicas-to-write', '0'),
  },
  {
    why: 'it cannot save to its disk (MISCONF)',
    async begin(server) {
      server.command('config', 'set', 'save', '3600 1')
      const directory = server.command('--raw', 'config', 'get', 'dir').trim().split('\n')[1] as string
      rmSync(directory, { recursive: true })
      server.command('bgsave')
      await expect.poll(() => server.command('set', 'probe', '1')).toContain('MISCONF')
    },
    end: (server) => void server.command('config', 'set', 'stop-writes-on-bgsave-error', 'no'),
  },
]

let ends: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const end of ends.toReversed()) await end()
  ends = []
})

async function serve(): Promise<{ server: RedisServer; link: RedisLink; log: RedisReplayLog }> {
  const server = await RedisServer.start()
  ends.push(() => server.stop())
  const link = await openRedis([server.url])
  ends.push(() => link.close())
  return { server, link, log: new RedisReplayLog(link) }
}

function message(text: string): NewMessage {
  return { data: Buffer.from(text), binary: false, id: undefined, time: 1 }
}

describe.each(REFUSALS)('while Redis takes no writes because $why', (refusal) => {
  it('L3 L6 a channel that it knows is read as ever, and one that it does not know is refused until writes work again', async () => {
    const { server, log } = await serve()
    const [first, second] = [
      await log.append('a', message('1'), POLICY),
      await log.append('a', message('2'), POLICY),
    ]
    // A reader would make it live on, which is a write.
    server.command('pexpire', POSITION, '600000')
    const calls = [
      () => log.head('a'),
      () => log.last('a', 10),
      () => log.read('a', { epoch: first.epoch, offset: 0 }, 10),
      () => log.read('a', first, 10),
      () => log.read('a', second, 10),
      () => log.read('a', { ...second, offset: 3 }, 10),
      () => log.read('a', { epoch: 'another', offset: 1 }, 10),
    ]
    const answers: unknown[] = []
    await refusal.begin(server)
    await expect(log.append('a', message('3'), POLICY)).rejects.toMatchObject(UNAVAILABLE)
    for (const call of calls) answers.push(await call())
    for (const call of [() => log.head('b'), () => log.last('b', 1), () => log.disown('a', first.epoch)]) {
      await expect(call()).rejects.toMatchObject(UNAVAILABLE)
    }
    expect(log.healthy()).toBe(true)

    refusal.end(server)
    for (const [i, call] of calls.entries()) expect(await call()).toEqual(answers[i])
    expect(answers[2]).toMatchObject({ kind: 'range', messages: [{ offset: 1 }, { offset: 2 }] })
    expect(await log.append('a', message('3'), POLICY)).toMatchObject({ epoch: first.epoch, offset: 3 })
    expect(await log.head('b')).toMatchObject({ offset: 0 })
  })

  it('L5 what is too old is not read, though it may have to stay where it is', async () => {
    const { server, log } = await serve()
    const first = await log.append('a', message('1'), POLICY)
    const last = await log.append('a', message('2'), POLICY)
    // From now on they live for a millisecond, which the server has not noticed yet.
    server.command('hset', POSITION, 't', '1')
    await refusal.begin(server)
    const head = { epoch: last.epoch, offset: 2 }
    await expect.poll(() => log.last('a', 10)).toEqual({ kind: 'range', messages: [], head })
    expect(await log.read('a', first, 10)).toEqual({ kind: 'lost', why: 'trimmed', head })
    expect(await log.read('a', last, 10)).toEqual({ kind: 'range', messages: [], head })
  })

  it('who is in a channel is known', async () => {
    const { server, link } = await serve()
    const presence = new RedisPresenceStore(link, { ttlMs: 60_000 })
    await presence.write('a', 'node', { after: 0, version: 1, put: quiet(['ann']), remove: [] })
    await refusal.begin(server)
    expect((await presence.read('a')).get('node')?.users).toEqual(quiet(['ann']))
  })
})

describe('a server that has become a replica', () => {
  it('is not read: it would tell of losses that are none, and of none where there are some', async () => {
    const [{ server, link, log }, { server: other }] = [await serve(), await serve()]
    const presence = new RedisPresenceStore(link, { ttlMs: 60_000 })
    await log.append('a', message('1'), POLICY)
    expect(server.command('replicaof', '127.0.0.1', String(other.port))).toContain('OK')
    // It was reached, and is left for whoever serves now.
    await expect(log.head('a')).rejects.toMatchObject(UNAVAILABLE)
    await link.ready(REDIS_PATIENCE_MS)
    await expect(presence.read('a')).rejects.toMatchObject(UNAVAILABLE)
  })
})
