import { describe, expect, it } from 'vitest'
import { Repeats } from '../../../src/observe/repeats.ts'
import { ManualClock } from '../admission/manual-clock.ts'

function noting(): { repeats: Repeats; clock: ManualClock; lines: unknown[] } {
  const clock = new ManualClock()
  const lines: unknown[] = []
  const repeats = new Repeats((fields, message) => void lines.push({ ...fields, message }), clock, 1000)
  return { repeats, clock, lines }
}

describe('lines that repeat', () => {
  it('the first of a kind is a line at once', () => {
    const { repeats, lines } = noting()
    repeats.tell({ connection: 1 }, 'a frame is malformed')
    repeats.tell({ connection: 2 }, 'a token is expired')
    expect(lines).toEqual([
      { connection: 1, message: 'a frame is malformed' },
      { connection: 2, message: 'a token is expired' },
    ])
  })

  it('those that follow within a second are one line with their count and the last one’s fields', () => {
    const { repeats, clock, lines } = noting()
    for (let connection = 0; connection < 1000; connection++) repeats.tell({ connection }, 'bad')
    expect(lines).toHaveLength(1)
    clock.pass(1000)
    expect(lines).toEqual([
      { connection: 0, message: 'bad' },
      { connection: 999, count: 999, message: 'bad' },
    ])
  })

  it('an unending flood is one line a second, and none is left uncounted', () => {
    const { repeats, clock, lines } = noting()
    for (let second = 0; second < 10; second++) {
      for (let i = 0; i < 100; i++) {
        repeats.tell({ i }, 'bad')
        clock.pass(10)
      }
    }
    clock.pass(2000)
    expect(lines.length).toBeLessThanOrEqual(12)
    const total = lines.reduce<number>((sum, line) => sum + ((line as { count?: number }).count ?? 1), 0)
    expect(total).toBe(1000)
  })

  it('a kind is a line at once again after a quiet second', () => {
    const { repeats, clock, lines } = noting()
    repeats.tell({ i: 1 }, 'bad')
    clock.pass(1001)
    repeats.tell({ i: 2 }, 'bad')
    expect(lines).toHaveLength(2)
  })

  it('has a timer only while something may be counted', () => {
    const { repeats, clock } = noting()
    expect(clock.timers).toBe(0)
    repeats.tell({}, 'a')
    repeats.tell({}, 'b')
    expect(clock.timers).toBe(1)
    clock.pass(3000)
    expect(clock.timers).toBe(0)
  })

  it('logs what is still counted when it is closed', () => {
    const { repeats, clock, lines } = noting()
    for (let i = 0; i < 3; i++) repeats.tell({ i }, 'bad')
    repeats.close()
    repeats.close()
    expect(lines).toHaveLength(2)
    expect(lines[1]).toEqual({ i: 2, count: 2, message: 'bad' })
    expect(clock.timers).toBe(0)
  })

  it('of one message are apart where their kinds are', () => {
    const { repeats, lines } = noting()
    repeats.tell({ at: 1 }, 'bad', 'here')
    repeats.tell({ at: 2 }, 'bad', 'there')
    repeats.tell({ at: 3 }, 'bad', 'there')
    expect(lines).toEqual([
      { at: 1, message: 'bad' },
      { at: 2, message: 'bad' },
    ])
  })

  it('of kinds without end are bounded all the same, and all counted', () => {
    const { repeats, lines } = noting()
    for (let kind = 0; kind < 10_000; kind++) repeats.tell({}, 'bad', String(kind))
    repeats.close()
    expect(lines.length).toBeLessThan(300)
    const total = lines.reduce<number>((sum, line) => sum + ((line as { count?: number }).count ?? 1), 0)
    expect(total).toBe(10_000)
  })
})
