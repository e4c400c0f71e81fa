import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { RedisLink } from '../../src/drivers/redis.ts'
import { SluiceError } from '../../src/errors.ts'
import type { NewMessage } from '../../src/protocol/message.ts'
import type { Appended } from '../../src/replay/replay-log.ts'
import { RedisReplayLog } from '../../src/replay/redis.ts'
import { SuccessionWatch } from '../../src/replay/succession-watch.ts'
import { patientMs } from '../support/patience.ts'
import { openRedis } from '../support/redis-links.ts'
import { RedisSentinels } from '../support/redis-sentinels.ts'
import { RedisCluster, RedisServer } from '../support/redis-server.ts'

/** Another server becomes the primary while the one before lives: it says where its channels have ended. */

const POLICY = { ttlMs: 600_000, max: 1000, idempotencyMs: 600_000 }

const ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

const message = (id: string): NewMessage => ({ data: Buffer.from(id), binary: true, id, time: 0 })

/** Whoever follows this server has all that it had. */
async function caughtUp(primary: RedisServer): Promise<void> {
  const replication = (): string => primary.command('info', 'replication')
  const wanted = Number(/master_repl_offset:(\d+)/.exec(replication())?.[1])
  const behind = (): boolean =>
    [...replication().matchAll(/state=online,offset=(\d+)/g)].some(([, offset]) => Number(offset) < wanted)
  while (behind()) await new Promise((resolve) => setImmediate(resolve))
}

async function isUnavailable(call: Promise<unknown>): Promise<boolean> {
  try {
    await call
    return false
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'unavailable') return true
    throw error
  }
}

describe('when Sentinels are asked for another primary', () => {
  it('only channels whose last messages it lacks begin a new epoch, and the former one confirms nothing in the others', async () => {
    const redis = await RedisSentinels.start(20_000, ['g1', 'g2'])
    ends.push(() => redis.stop())
    const linkAs = async (user: string): Promise<RedisLink> => {
      const link = await openRedis(redis.urls, { sentinel: { user, password: 'any', tls: false } })
      ends.push(() => link.close())
      return link
    }
    // The second one does not hear of it, and goes on with the former primary for as long as it may.
    const [link, deaf] = [await linkAs('g1'), await linkAs('g2')]
    const outcomes: string[] = []
    const log = new RedisReplayLog(link, { succeeded: (outcome) => void outcomes.push(outcome) })
    const late = new RedisReplayLog(deaf)
    const kept = await log.append('kept', message('1'), POLICY)
    const lost = await log.append('lost', message('2'), POLICY)
    const idle = await log.head('idle')
    await caughtUp(redis.primary)
    redis.stopReplicating()
    await late.append('lost', message('3'), POLICY)
    redis.cutFromSentinels('g2')
    await redis.failover()

    await expect.poll(() => [link.former?.answers, link.healthy()]).toEqual([true, true])
    expect(await log.append('kept', message('1'), POLICY)).toMatchObject({ ...kept, duplicate: true })
    expect(await log.append('kept', message('4'), POLICY)).toMatchObject({ epoch: kept.epoch, offset: 2 })
    expect(await log.head('idle')).toEqual(idle)
    expect((await log.append('lost', message('5'), POLICY)).epoch).not.toBe(lost.epoch)
    expect(await log.read('lost', lost, 10)).toMatchObject({ kind: 'lost', why: 'epoch' })
    expect(outcomes).toEqual(['kept', 'kept', 'reset'])

    // It is a primary as far as it knows, and so does who uses it.
    expect(redis.primary.command('role')).toContain('master')
    expect(await isUnavailable(late.append('kept', message('6'), POLICY))).toBe(true)
    expect(await isUnavailable(late.append('lost', message('7'), POLICY))).toBe(true)
  })
})

describe('when a replica of a Redis Cluster is told to take the place of its master', () => {
  it('all channels go on in their epochs', async () => {
    const redis = await RedisCluster.start()
    ends.push(() => redis.stop())
    const [master] = redis.servers as readonly [RedisServer]
    const replica = await redis.addReplica(master)
    ends.push(() => replica.stop())
    const link = await openRedis(redis.urls)
    const succession = new SuccessionWatch({ link, clock: systemClock })
    ends.push(
      () => link.close(),
      () => succession.close(),
    )
    const outcomes: string[] = []
    const log = new RedisReplayLog(link, {
      isHeir: (from, to) => succession.isHeir(from, to),
      succeeded: (outcome) => void outcomes.push(outcome),
    })
    await succession.look()
    const channels = Array.from({ length: 30 }, (_, i) => `news-${i}`)
    const firsts = await Promise.all(channels.map((name) => log.append(name, message('1'), POLICY)))
    const there = (server: RedisServer): number =>
      channels.filter((name) => server.command('keys', `sluice:pos:{${name}}`).trim() !== '').length
    expect(there(master)).toBeGreaterThan(0)

    expect(replica.command('cluster', 'failover')).toContain('OK')
    await expect.poll(() => replica.command('role')).toContain('master')
    const epochsOf = (appended: readonly { readonly epoch: string }[]): string[] =>
      appended.map(({ epoch }) => epoch)
    const seconds: { readonly epoch: string; readonly offset: number }[] = []
    for (const name of channels)
      seconds.push(await onceItServes(() => log.append(name, message('2'), POLICY)))
    expect(epochsOf(seconds)).toEqual(epochsOf(firsts))
    expect(new Set(seconds.map(({ offset }) => offset))).toEqual(new Set([2]))
    expect(outcomes).toEqual(Array.from({ length: there(master) }, () => 'kept'))
    expect(await log.read('news-0', firsts[0] as Appended, 10)).toMatchObject({ messages: [{ offset: 2 }] })
  })
})

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
  await expect.poll(tryOnce, { timeout: patientMs(30_000) }).toBe(true)
  return answer as T
}

type Step =
  | { readonly kind: 'append' | 'head'; readonly node: number; readonly name: string }
  | { readonly kind: 'hears'; readonly node: number }
  | { readonly kind: 'promote' | 'cut' | 'follow'; readonly server: number }
  | { readonly kind: 'catchUp' }

const CHANNELS = ['a', 'b']
const FORGET = "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'c', '0') end"
const node = fc.nat(1)
const server = fc.nat(2)
const named = fc.constantFrom(...CHANNELS)
const steps = fc.array<Step>(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('append' as const), node, name: named }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('head' as const), node, name: named }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('hears' as const), node }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('promote' as const), server }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'catchUp' as const }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constantFrom('cut' as const, 'follow' as const), server }),
    },
  ),
  { minLength: 10, maxLength: 40 },
)
/** A replica of the first that lacks what the second has confirmed comes after it, for one who has not heard of the second. */
const PASSED_OVER: Step[] = [
  { kind: 'append', node: 0, name: 'a' },
  { kind: 'catchUp' },
  { kind: 'cut', server: 2 },
  { kind: 'promote', server: 1 },
  { kind: 'hears', node: 1 },
  { kind: 'append', node: 1, name: 'a' },
  { kind: 'promote', server: 2 },
  { kind: 'hears', node: 0 },
  { kind: 'append', node: 0, name: 'a' },
]

describe('servers that follow each other, are promoted, and are taken for the primary by some after that', () => {
  const servers: RedisServer[] = []
  const links: RedisLink[] = []

  beforeAll(async () => {
    for (let i = 0; i < 3; i++) servers.push(await RedisServer.start(['--repl-diskless-sync-delay', '0']))
    for (const { url } of servers) links.push(new RedisLink({ urls: [url] }))
  })
  afterAll(async () => {
    for (const link of links) link.close()
    for (const one of servers) await one.stop()
  })

  const at = (index: number): RedisServer => servers[index] as RedisServer
  const isUp = (index: number): boolean =>
    at(index).command('info', 'replication').includes('master_link_status:up')

  async function follow(index: number, primary: number): Promise<void> {
    at(index).command('replicaof', '127.0.0.1', String(at(primary).port))
    while (!isUp(index)) await new Promise((resolve) => setImmediate(resolve))
  }

  /** A node, and which server it takes for the primary. */
  class Node {
    primary = 0
    former: number | undefined
    readonly log = new RedisReplayLog({
      define: (script: never) => {
        for (const link of links) link.define(script)
      },
      run: (...call: Parameters<RedisLink['run']>) => (links[this.primary] as RedisLink).run(...call),
      atTurnsEnd: (send: () => void) => (links[this.primary] as RedisLink).atTurnsEnd(send),
      former: {
        answers: true,
        run: async (script: never, args: never) => {
          if (this.former === undefined) return undefined
          const link = links[this.former] as RedisLink
          link.define(script)
          return link.run('bulk', script, args).catch(() => undefined)
        },
      },
    } as unknown as RedisLink)
  }

  it('give no offset of an epoch twice, and lack nothing that was confirmed in an epoch that goes on', async () => {
    let wentOn = 0
    let number = 0
    await fc.assert(
      fc.asyncProperty(steps, async (plan) => {
        at(0).command('replicaof', 'no', 'one')
        at(0).command('flushall')
        for (const index of [1, 2]) await follow(index, 0)
        for (const link of links) await link.ready(10_000)
        const nodes = [new Node(), new Node()]
        let primary = 0
        const confirmed = new Map<string, { readonly text: string; readonly by: number }[]>()
        for (const step of plan) {
          if (step.kind === 'promote') {
            if (step.server === primary) continue
            primary = step.server
            at(primary).command('replicaof', 'no', 'one')
            // No server is replaced twice in the time for which it trusts a comparison (100 ms).
            for (const name of CHANNELS) at(primary).command('eval', FORGET, '1', `sluice:pos:{${name}}`)
          } else if (step.kind === 'catchUp') {
            await caughtUp(at(primary))
          } else if (step.kind === 'cut') {
            // It keeps what it has, and follows nobody.
            if (step.server !== primary) at(step.server).command('replicaof', '127.0.0.1', '1')
          } else if (step.kind === 'follow') {
            if (step.server !== primary) await follow(step.server, primary)
          } else if (step.kind === 'hears') {
            const one = nodes[step.node] as Node
            if (one.primary !== primary) Object.assign(one, { primary, former: one.primary })
          } else if (step.kind === 'append' || step.kind === 'head') {
            const { log, primary: by } = nodes[step.node] as Node
            try {
              if (step.kind === 'head') {
                await log.head(step.name)
                continue
              }
              const text = `m${number++}`
              const { epoch, offset } = await log.append(step.name, message(text), POLICY)
              const before = confirmed.get(epoch) ?? []
              expect(offset).toBe(before.length + 1)
              const range = await log.last(step.name, 1000)
              if (range.head.epoch !== epoch || range.kind !== 'range') throw new Error('the epoch has ended')
              expect(range.messages.map(({ data }) => Buffer.from(data as Buffer).toString())).toEqual([
                ...before.map((one) => one.text),
                text,
              ])
              if (before.some((one) => one.by !== by)) wentOn++
              confirmed.set(epoch, [...before, { text, by }])
            } catch (error) {
              // A replica takes no writes, and who has given a channel up answers nothing about it.
              if (!(error instanceof SluiceError)) throw error
            }
          }
        }
      }),
      { numRuns: 5, endOnFailure: true, examples: [[PASSED_OVER]] },
    )
    expect(wentOn).toBeGreaterThan(0)
  })
})
