import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Position } from '../../src/protocol/position.ts'
import { MemoryReplayLog } from '../../src/replay/memory.ts'
import type { LogPolicy } from '../../src/replay/replay-log.ts'
import { ManualClock } from '../support/manual-clock.ts'

const CHANNELS = ['a', 'b', 'c', 'd'] as const
const GRACE_MS = 5_000
const IDS_MAX = 40
/** Longer than the rounds of the sweep, the grace time and every policy's times together. */
const LONG_MS = 400_000

const channel = fc.constantFrom(...CHANNELS)
const policy = fc.record({
  ttlMs: fc.constantFrom(100, 2_000, 60_000),
  max: fc.constantFrom(1, 3, 8, 50),
  idempotencyMs: fc.constantFrom(500, 30_000),
})
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      channel,
      id: fc.option(fc.constantFrom('p', 'q', 'r'), { nil: undefined }),
      policy,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('join' as const), channel }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      reader: fc.nat(),
      limit: fc.integer({ min: 1, max: 9 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('last' as const), channel, count: fc.nat({ max: 9 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(1, 90, 1_500, 20_000, 80_000),
    }),
  },
)

/** All that was ever appended, and what each id would answer: what a log with no end would know. */
class Model {
  readonly #history = new Map<string, { offset: number; previous: number }[]>()
  readonly #ids = new Map<string, { offset: number; untilMs: number }>()

  history(name: string): { offset: number; previous: number }[] {
    const known = this.#history.get(name) ?? []
    this.#history.set(name, known)
    return known
  }

  firstOf(name: string, id: string, nowMs: number): number | undefined {
    const seen = this.#ids.get(`${name} ${id}`)
    return seen !== undefined && seen.untilMs > nowMs ? seen.offset : undefined
  }

  appended(
    name: string,
    id: string | undefined,
    at: { offset: number; previous: number },
    { idempotencyMs }: LogPolicy,
    nowMs: number,
  ): void {
    this.history(name).push(at)
    if (id !== undefined)
      this.#ids.set(`${name} ${id}`, { offset: at.offset, untilMs: nowMs + idempotencyMs })
  }
}

describe('the log in memory, whatever happens to it', () => {
  it('L1 L2 L3 L6 readers of channels that are trimmed and forgotten miss nothing that they are not told of', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 150, size: 'max' }), async (steps) => {
        const clock = new ManualClock()
        const log = new MemoryReplayLog({ clock, graceMs: GRACE_MS, idsPerChannelMax: IDS_MAX })
        const model = new Model()
        const readers: { channel: string; at: Position }[] = []
        for (const one of steps) {
          switch (one.do) {
            case 'append': {
              const message = { data: new Uint8Array(0), binary: true, id: one.id, time: clock.now() }
              const first = one.id === undefined ? undefined : model.firstOf(one.channel, one.id, clock.now())
              const answer = await log.append(one.channel, message, one.policy)
              expect(answer.duplicate).toBe(first !== undefined)
              if (first !== undefined) {
                expect(answer.offset).toBe(first)
                break
              }
              expect(answer.offset).toBeGreaterThan(answer.previous)
              expect(answer.previous).toBeGreaterThanOrEqual(model.history(one.channel).at(-1)?.offset ?? 0)
              model.appended(one.channel, one.id, answer, one.policy, clock.now())
              break
            }
            case 'join':
              readers.push({ channel: one.channel, at: await log.head(one.channel) })
              break
            case 'read': {
              const reader = readers[one.reader % Math.max(readers.length, 1)]
              if (reader === undefined) break
              const missing = model
                .history(reader.channel)
                .filter(({ offset }) => offset > reader.at.offset)
                .map(({ offset }) => offset)
              const range = await log.read(reader.channel, reader.at, one.limit)
              if (range.kind === 'lost') {
                expect(range.why).toBe('trimmed')
                reader.at = range.head
                break
              }
              expect(range.messages.map(({ offset }) => offset)).toEqual(missing.slice(0, one.limit))
              expect(range.head.offset).toBe(missing.at(-1) ?? reader.at.offset)
              reader.at = range.messages.at(-1) ?? reader.at
              break
            }
            case 'last': {
              const { messages } = (await log.last(one.channel, one.count)) as {
                messages: readonly { offset: number }[]
              }
              const newest = model.history(one.channel).map(({ offset }) => offset)
              expect(messages.length).toBeLessThanOrEqual(one.count)
              expect(messages.map(({ offset }) => offset)).toEqual(
                newest.slice(newest.length - messages.length),
              )
              break
            }
            case 'pass':
              clock.pass(one.ms)
              break
            default:
              one satisfies never
          }
        }
        clock.pass(LONG_MS)
        expect(log.channelCount).toBe(0)
        await log.close()
      }),
      { numRuns: 400 },
    )
  })

  it('L6 a reader of a channel that was never used misses nothing when he comes back within the grace time', async () => {
    const clock = new ManualClock()
    const log = new MemoryReplayLog({ clock, graceMs: GRACE_MS })
    const brief = { ttlMs: 10, max: 100, idempotencyMs: 10 }
    const message = { data: new Uint8Array(0), binary: true, id: undefined, time: 0 }
    const idle = await log.head('idle')
    for (let i = 0; i < 100; i++) await log.append('busy', message, brief)
    // The busy channel is forgotten, so that channels which nobody knows start beyond its offsets.
    for (let i = 0; i < 100; i++) {
      clock.pass(GRACE_MS - 1)
      expect(await log.head('idle')).toEqual(idle)
    }
    expect(log.channelCount).toBe(1)
    expect((await log.head('new')).offset).toBe(100)
    const first = await log.append('idle', message, brief)
    expect(first.previous).toBe(idle.offset)
    expect(await log.read('idle', idle, 10)).toMatchObject({
      kind: 'range',
      messages: [{ offset: first.offset }],
    })
    await log.close()
  })

  it('L5 keeps no more than the policy allows, whatever comes', async () => {
    const clock = new ManualClock()
    const log = new MemoryReplayLog({ clock })
    const message = { data: new Uint8Array(0), binary: true, id: undefined, time: 0 }
    for (const max of [1, 2, 7, 8, 9, 64, 3]) {
      for (let i = 0; i < 100; i++) {
        await log.append('a', message, { ttlMs: 1_000, max, idempotencyMs: 1 })
        const { messages } = (await log.last('a', 1_000)) as { messages: readonly unknown[] }
        expect(messages.length).toBeLessThanOrEqual(max)
      }
    }
    await log.close()
  })

  it('L2 the oldest ids are forgotten first when there are too many', async () => {
    const clock = new ManualClock()
    const log = new MemoryReplayLog({ clock, idsPerChannelMax: IDS_MAX })
    const policyOfIds = { ttlMs: 60_000, max: 10, idempotencyMs: 60_000 }
    const message = (i: number) => ({ data: new Uint8Array(0), binary: true, id: `id ${i}`, time: 0 })
    for (let i = 0; i < 1_000; i++) await log.append('a', message(i), policyOfIds)
    const duplicates: number[] = []
    for (let i = 0; i < 1_000; i++) {
      if (i < 1_000 - IDS_MAX / 2) continue
      if ((await log.append('a', message(i), policyOfIds)).duplicate) duplicates.push(i)
    }
    expect(duplicates).toEqual(Array.from({ length: IDS_MAX / 2 }, (_, i) => 1_000 - IDS_MAX / 2 + i))
    expect((await log.append('a', message(0), policyOfIds)).duplicate).toBe(false)
    await log.close()
  })
})
