import { describe, expect, it } from 'vitest'
import { Mistakes } from '../../../src/observe/mistakes.ts'
import { ManualClock } from '../admission/manual-clock.ts'

function noting(): { mistakes: Mistakes; clock: ManualClock; lines: unknown[] } {
  const clock = new ManualClock()
  const lines: unknown[] = []
  const mistakes = new Mistakes({ warn: (fields, message) => void lines.push({ ...fields, message }) }, clock)
  return { mistakes, clock, lines }
}

describe('mistakes of peers', () => {
  it('the first of a kind is a line at once', () => {
    const { mistakes, lines } = noting()
    mistakes.warn('a frame is malformed', { connection: 1 })
    mistakes.warn('a token is expired', { connection: 2 })
    expect(lines).toEqual([
      { connection: 1, message: 'a frame is malformed' },
      { connection: 2, message: 'a token is expired' },
    ])
  })

  it('those that follow within a second are one line with their count and the last one’s fields', () => {
    const { mistakes, clock, lines } = noting()
    for (let connection = 0; connection < 1000; connection++) mistakes.warn('bad', { connection })
    expect(lines).toHaveLength(1)
    clock.pass(1000)
    expect(lines).toEqual([
      { connection: 0, message: 'bad' },
      { connection: 999, count: 999, message: 'bad' },
    ])
  })

  it('an unending flood is one line a second, and none is left uncounted', () => {
    const { mistakes, clock, lines } = noting()
    for (let second = 0; second < 10; second++) {
      for (let i = 0; i < 100; i++) {
        mistakes.warn('bad', { i })
        clock.pass(10)
      }
    }
    clock.pass(2000)
    expect(lines.length).toBeLessThanOrEqual(12)
    const total = lines.reduce<number>((sum, line) => sum + ((line as { count?: number }).count ?? 1), 0)
    expect(total).toBe(1000)
  })

  it('a kind is a line at once again after a quiet second', () => {
    const { mistakes, clock, lines } = noting()
    mistakes.warn('bad', { i: 1 })
    clock.pass(1001)
    mistakes.warn('bad', { i: 2 })
    expect(lines).toHaveLength(2)
  })

  it('has a timer only while something may be counted', () => {
    const { mistakes, clock } = noting()
    expect(clock.timers).toBe(0)
    mistakes.warn('a', {})
    mistakes.warn('b', {})
    expect(clock.timers).toBe(1)
    clock.pass(3000)
    expect(clock.timers).toBe(0)
  })

  it('logs what is still counted when it is closed', () => {
    const { mistakes, clock, lines } = noting()
    for (let i = 0; i < 3; i++) mistakes.warn('bad', { i })
    mistakes.close()
    mistakes.close()
    expect(lines).toHaveLength(2)
    expect(lines[1]).toEqual({ i: 2, count: 2, message: 'bad' })
    expect(clock.timers).toBe(0)
  })
})
