import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FeedMemory } from '../../src/hub/feed-memory.ts'
import { Tail } from '../../src/hub/tail.ts'
import { FRAMES, LINES } from '../../src/dialect/sluice-v1/encode.ts'
import { Encoded } from '../../src/protocol/encoded.ts'
import type { LoggedMessage } from '../../src/protocol/message.ts'

const LIMIT = 40_000
/** A quarter of the limit, as the rules of the configuration have it. */
const TAIL_LIMITS = { messages: 20, bytes: LIMIT / 4, ttlMs: 1000 }
const TAILS = 12

function logged(offset: number, bytes: number, time: number): LoggedMessage {
  const data = Buffer.alloc(bytes, 0x31)
  const place = { channel: 'c', epoch: 'e', offset, previous: offset - 1, ack: false }
  return { kind: 'logged', ...place, id: undefined, time, data, binary: false }
}

const which = fc.nat(TAILS - 1)
const step = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('push' as const), which, bytes: fc.nat(3000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('read' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('encode' as const), which, sse: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('prepend' as const), which, count: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.nat(800) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('settle' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), which }) },
)

describe('the memory of all feeds', () => {
  it('B1 B2 B3 is what the tails hold, and within its limit, whatever comes, is read, encoded, expires and goes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        let given = 0
        const memory = new FeedMemory(LIMIT, () => given++)
        const heads = Array.from({ length: TAILS }, () => 1000)
        const tails = heads.map((head) => new Tail(TAIL_LIMITS, head, memory))
        let now = 0
        for (const one of steps) {
          const index = 'which' in one ? one.which : 0
          const tail = tails[index] as Tail
          switch (one.kind) {
            case 'push': {
              const offset = (heads[index] = (heads[index] as number) + 1)
              tail.push(new Encoded(logged(offset, one.bytes, now)))
              // B3
              expect(tail.newest?.message).toMatchObject({ offset })
              break
            }
            case 'read':
              tail.next(tail.start)
              break
            case 'encode': {
              const encoded = tail.next(tail.start)
              expect(
                (one.sse ? encoded?.as(LINES).data.length : encoded?.as(FRAMES).data.length) ?? 1,
              ).toBeGreaterThan(0)
              break
            }
            case 'prepend': {
              const count = Math.min(one.count, tail.start)
              const older = Array.from({ length: count }, (_, i) => tail.start - count + 1 + i)
              tail.prepend(
                older.map((offset) => new Encoded(logged(offset, 100, now))),
                tail.start - count,
              )
              break
            }
            case 'time':
              now += one.ms
              for (const each of tails) each.expire(now)
              break
            case 'settle':
              tail.settle()
              break
            case 'leave':
              tail.giveUp()
              break
          }
          expect(memory.bytes).toBe(tails.reduce((sum, { bytes }) => sum + bytes, 0))
          expect(memory.bytes).toBeLessThanOrEqual(LIMIT)
          for (const [i, { start, length }] of tails.entries()) {
            // Contiguous up to the head: who reads from its start misses nothing.
            expect(start + length).toBe(heads[i])
          }
        }
        for (const tail of tails) tail.giveUp()
        expect(memory.bytes).toBe(0)
        expect(given).toBeGreaterThanOrEqual(0)
      }),
      { numRuns: 500 },
    )
  })

  it('B2 gives up those first that nobody has used, and not the one that is read', () => {
    const memory = new FeedMemory(100_000, () => undefined)
    const tails = Array.from({ length: 100 }, () => new Tail(TAIL_LIMITS, 0, memory))
    let offset = 0
    for (let round = 0; round < 20; round++) {
      for (const tail of tails.slice(1)) {
        tail.push(new Encoded(logged(++offset, 500, 0)))
        tails[0]?.next(0)
      }
      if (round === 0) tails[0]?.push(new Encoded(logged(++offset, 500, 0)))
    }
    expect(tails[0]?.length).toBe(1)
    expect(memory.bytes).toBeLessThanOrEqual(100_000)
  })

  it('B4 is full where nothing can be given up, and not when there is room again', () => {
    const memory = new FeedMemory(1000, () => expect.unreachable())
    memory.grew(900, undefined)
    expect(memory.full).toBe(false)
    memory.grew(200, undefined)
    expect(memory.full).toBe(true)
    memory.shrank(200)
    expect(memory.full).toBe(false)
  })
})
