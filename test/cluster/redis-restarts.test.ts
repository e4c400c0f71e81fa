import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { RedisLink } from '../../src/drivers/redis.ts'
import { SluiceError } from '../../src/errors.ts'
import type { NewMessage } from '../../src/protocol/message.ts'
import { RedisReplayLog } from '../../src/replay/redis.ts'
import { WholenessWatch } from '../../src/replay/wholeness-watch.ts'
import { patientMs } from '../support/patience.ts'
import { RawClient } from '../support/raw-client.ts'
import { RedisServer } from '../support/redis-server.ts'
import { startCluster } from '../support/start-cluster.ts'

/** Redis is killed and comes back: with all that it had confirmed, with most of it, with older files, with nothing. */

const ON_DISK = ['--appendonly', 'yes', '--appendfsync', 'always']
const EVERY_SECOND = ['--appendonly', 'yes', '--appendfsync', 'everysec']
const POLICY = { ttlMs: 600_000, max: 1000, idempotencyMs: 60_000 }
const KEPT = 'channels'

const ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

interface World {
  readonly redis: RedisServer
  readonly log: RedisReplayLog
  /** Until Redis is reached, and was asked what it keeps. */
  readonly back: () => Promise<void>
}

async function world(settings: readonly string[]): Promise<World> {
  const redis = await RedisServer.start(settings)
  const link = new RedisLink({ urls: [redis.url] })
  const watch = new WholenessWatch({
    link,
    clock: systemClock,
    changed: () => undefined,
    failed(error) {
      throw error
    },
  })
  const log = new RedisReplayLog(link, { keeps: () => watch.keeps })
  ends.push(
    () => redis.stop(),
    () => link.close(),
    () => watch.close(),
  )
  const back = async (): Promise<void> => {
    await link.ready(patientMs(10_000))
    await watch.look()
    while (watch.keeps === 'unknown') {
      await new Promise((resolve) => setImmediate(resolve))
      await watch.look()
    }
  }
  await back()
  return { redis, log, back }
}

const message = (text: string, id?: string): NewMessage =>
  ({
    id,
    from: undefined,
    time: 1,
    data: Buffer.from(JSON.stringify(text)),
    binary: false,
    sender: 'backend',
  }) as unknown as NewMessage

const textsOf = async (log: RedisReplayLog, channel: string): Promise<unknown[]> => {
  const range = await log.last(channel, 1000)
  return range.kind === 'range'
    ? range.messages.map(({ data }) => JSON.parse(Buffer.from(data).toString()) as unknown)
    : []
}

describe('a Redis that has on disk what it confirms', () => {
  it('goes on in its epoch after it was killed, with all messages and ids', async () => {
    const { redis, log, back } = await world(ON_DISK)
    const first = await log.append(KEPT, message('a', 'one'), POLICY)
    await log.append(KEPT, message('b'), POLICY)
    const idle = await log.head('idle')
    await redis.restart()
    await back()
    expect(await log.append(KEPT, message('a', 'one'), POLICY)).toMatchObject({ offset: 1, duplicate: true })
    expect(await log.append(KEPT, message('c'), POLICY)).toMatchObject({ epoch: first.epoch, offset: 3 })
    expect(await textsOf(log, KEPT)).toEqual(['a', 'b', 'c'])
    expect(await log.head('idle')).toEqual(idle)
    // And once more, from what the first restart has made of it.
    await redis.restart()
    await back()
    expect(await log.head(KEPT)).toEqual({ epoch: first.epoch, offset: 3 })
  })

  it('begins a new epoch where its files were exchanged for older ones', async () => {
    const { redis, log, back } = await world(ON_DISK)
    const older = join(redis.directory, 'older')
    await log.append(KEPT, message('a'), POLICY)
    cpSync(join(redis.directory, 'appendonlydir'), older, { recursive: true })
    const { epoch } = await log.append(KEPT, message('b'), POLICY)
    // The mark is raised.
    await back()
    await redis.kill()
    rmSync(join(redis.directory, 'appendonlydir'), { recursive: true })
    cpSync(older, join(redis.directory, 'appendonlydir'), { recursive: true })
    await redis.restart()
    await back()
    expect((await log.head(KEPT)).epoch).not.toBe(epoch)
  })

  it('begins a new epoch where it comes back without its files', async () => {
    const { redis, log, back } = await world(ON_DISK)
    const { epoch } = await log.append(KEPT, message('a'), POLICY)
    await redis.kill()
    rmSync(join(redis.directory, 'appendonlydir'), { recursive: true })
    await redis.restart()
    await back()
    expect((await log.head(KEPT)).epoch).not.toBe(epoch)
  })

  it('begins a new epoch where the last message was taken while it did not keep all', async () => {
    const { redis, log, back } = await world(ON_DISK)
    const { epoch } = await log.append(KEPT, message('a'), POLICY)
    const other = await log.append('other', message('a'), POLICY)
    redis.command('config', 'set', 'appendfsync', 'everysec')
    await back()
    await expect
      .poll(async () => {
        await log.append(KEPT, message('b'), POLICY)
        return redis.command('hget', `sluice:pos:{${KEPT}}`, 'd').trim()
      })
      .toBe('0')
    await redis.restart()
    await back()
    expect((await log.head(KEPT)).epoch).not.toBe(epoch)
    // Whose last message was on disk.
    expect(await log.head('other')).toEqual({ epoch: other.epoch, offset: 1 })
  })

  it('is not believed before it was asked what it keeps', async () => {
    const { redis, log, back } = await world(ON_DISK)
    const { epoch } = await log.append(KEPT, message('a'), POLICY)
    await redis.restart()
    const ignorant = new RedisLink({ urls: [redis.url] })
    ends.push(() => ignorant.close())
    const early = new RedisReplayLog(ignorant, { keeps: () => 'unknown' })
    await ignorant.ready(patientMs(10_000))
    await expect(early.append(KEPT, message('b'), POLICY)).rejects.toMatchObject({ code: 'unavailable' })
    await expect(early.head(KEPT)).rejects.toMatchObject({ code: 'unavailable' })
    await back()
    expect(await log.head(KEPT)).toEqual({ epoch, offset: 1 })
  })
})

it('a Redis that writes every second begins a new epoch: what it lacks cannot be told', async () => {
  const { redis, log, back } = await world(EVERY_SECOND)
  const { epoch } = await log.append(KEPT, message('a'), POLICY)
  await redis.restart()
  await back()
  expect((await log.head(KEPT)).epoch).not.toBe(epoch)
})

type Step = 'append' | 'kill' | 'always' | 'everysec' | 'empty' | 'rewrite'

it('wherever it is killed, an epoch that goes on has every message that was confirmed in it', async () => {
  const steps = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constant<Step>('append') },
      { weight: 2, arbitrary: fc.constant<Step>('kill') },
      { weight: 1, arbitrary: fc.constantFrom<Step>('always', 'everysec', 'empty', 'rewrite') },
    ),
    { minLength: 5, maxLength: 25 },
  )
  let kept = 0
  await fc.assert(
    fc.asyncProperty(steps, async (plan) => {
      const { redis, log, back } = await world(ON_DISK)
      const confirmed = new Map<string, string[]>()
      let number = 0
      const append = async (): Promise<void> => {
        const text = `m${number++}`
        try {
          const { epoch } = await log.append(KEPT, message(text, text), POLICY)
          confirmed.set(epoch, [...(confirmed.get(epoch) ?? []), text])
        } catch (error) {
          // Killed under it: nobody was told that it is there.
          if (!(error instanceof SluiceError)) throw error
        }
      }
      for (const step of plan) {
        if (step === 'append') await append()
        else if (step === 'kill') {
          // Some are under way.
          const under = [append(), append(), append()]
          await redis.restart()
          await Promise.all(under)
          await back()
        } else if (step === 'empty') redis.command('flushall')
        else if (step === 'rewrite') redis.command('bgrewriteaof')
        else {
          redis.command('config', 'set', 'appendfsync', step)
          await back()
        }
        const { epoch } = await log.head(KEPT)
        const texts = await textsOf(log, KEPT)
        // What was under way may be there too.
        const missing = (confirmed.get(epoch) ?? []).filter((text) => !texts.includes(text))
        expect(missing).toEqual([])
        if (step === 'kill' && confirmed.has(epoch)) kept++
      }
      for (const end of ends.splice(0).toReversed()) await end()
    }),
    { numRuns: 12, endOnFailure: true },
  )
  // Else nothing of it would show that anything is kept.
  expect(kept).toBeGreaterThan(0)
})

describe('clients of a cluster whose Redis is killed', () => {
  it.each([
    ['go on where they were', ON_DISK, 0],
    ['are told of the loss', EVERY_SECOND, 1],
  ])('%s', async (_name, settings, resets) => {
    const redis = await RedisServer.start(settings)
    ends.push(() => redis.stop())
    const cluster = await startCluster(0, { feeds: { headCheck: '1s' } })
    ends.push(() => cluster.close())
    for (let i = 0; i < 2; i++) await cluster.join({ redis: { url: [redis.url] } })
    const clients = await Promise.all(
      cluster.nodes.map(async (node, i) => {
        const token = await node.token(`user-${i}`)
        const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, { token })
        await client.request({ type: 'subscribe', ref: 1, channel: 'news' })
        return client
      }),
    )
    ends.push(() => {
      for (const client of clients) client.cut()
    })
    const [node] = cluster.nodes
    if (node === undefined) throw new Error('there is no node')
    for (let i = 0; i < 5; i++) await node.publish({ channel: 'news', data: i })
    for (const client of clients) await client.find(({ data }) => data === 4)
    await redis.restart()
    await expect
      .poll(() => node.publish({ channel: 'news', data: 'after', id: 'after' }).catch(() => undefined))
      .toBeDefined()
    for (const client of clients) {
      if (resets > 0) await client.find(({ type, channel }) => type === 'reset' && channel === 'news')
      else await client.find(({ data }) => data === 'after')
      const told = client.frames.filter(({ type, channel }) => type === 'reset' && channel === 'news')
      expect(told).toHaveLength(resets)
    }
  })
})
