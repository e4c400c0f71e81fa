import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Plan } from '../../../src/config/drain-plan.ts'
import { lengthMs, scheduleOf } from '../../../src/drain/schedule.ts'

const HALF_A_MINUTE = 30_000
const plans: fc.Arbitrary<Plan> = fc.oneof(
  fc.record({
    kind: fc.constant('percent' as const),
    percent: fc.double({ min: 0.1, max: 100, noNaN: true }),
    everyMs: fc.integer({ min: 1, max: HALF_A_MINUTE }),
  }),
  fc.record({
    kind: fc.constant('count' as const),
    count: fc.integer({ min: 1, max: 10_000 }),
    everyMs: fc.integer({ min: 1, max: HALF_A_MINUTE }),
  }),
  fc.record({ kind: fc.constant('over' as const), totalMs: fc.integer({ min: 1, max: 3_600_000 }) }),
)

describe('a schedule', () => {
  it('has more due at each step, and everybody at its last', () => {
    fc.assert(
      fc.property(plans, fc.nat(100_000), (plan, clients) => {
        const { steps, everyMs, dueAt } = scheduleOf(plan, clients)
        expect(steps).toBeGreaterThanOrEqual(1)
        expect(everyMs).toBeGreaterThan(0)
        expect(dueAt(steps - 1)).toBe(Infinity)
        let before = 0
        for (let step = 0; step < Math.min(steps - 1, 500); step++) {
          const due = dueAt(step)
          expect(due).toBeGreaterThanOrEqual(before)
          expect(due).toBeLessThanOrEqual(Math.max(clients, 1))
          before = due
        }
      }),
    )
  })

  it('is a part of what was connected at the start, and no client is lost in rounding', () => {
    const { dueAt, steps } = scheduleOf({ kind: 'percent', percent: 5, everyMs: 1000 }, 1010)
    expect([dueAt(0), dueAt(1), dueAt(2), steps]).toEqual([51, 101, 152, 20])
    expect(scheduleOf({ kind: 'percent', percent: 7, everyMs: 1000 }, 100).dueAt(0)).toBe(7)
  })

  it('moves at least one, however few are connected', () => {
    expect(scheduleOf({ kind: 'percent', percent: 5, everyMs: 1000 }, 3).dueAt(0)).toBe(1)
    expect(scheduleOf({ kind: 'count', count: 5, everyMs: 1000 }, 0).dueAt(0)).toBe(Infinity)
    expect(scheduleOf({ kind: 'over', totalMs: 300_000 }, 1).dueAt(0)).toBe(Infinity)
  })

  it('over a time is a flow of small batches, one in a second, or fewer where there are fewer clients', () => {
    const many = scheduleOf({ kind: 'over', totalMs: 300_000 }, 30_000)
    expect([many.everyMs, many.steps, many.dueAt(0), many.dueAt(1)]).toEqual([1000, 300, 100, 200])
    const few = scheduleOf({ kind: 'over', totalMs: 120_000 }, 55)
    expect([few.steps, few.dueAt(0), few.dueAt(53)]).toEqual([55, 1, 54])
    expect(few.everyMs).toBeCloseTo(120_000 / 55)
    expect(scheduleOf({ kind: 'over', totalMs: 400 }, 30)).toMatchObject({ everyMs: 400, steps: 1 })
  })

  it('over a time takes that time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3_600_000 }), fc.nat(1_000_000), (totalMs, clients) => {
        expect(lengthMs(scheduleOf({ kind: 'over', totalMs }, clients))).toBeCloseTo(totalMs)
      }),
    )
  })
})
