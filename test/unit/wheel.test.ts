import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Wheel, type WheelEntry } from '../../src/wheel.ts'
import { ManualClock } from '../support/manual-clock.ts'

class Item implements WheelEntry {
  wheelTick = -1
  wheelBefore: WheelEntry | undefined
  wheelBehind: WheelEntry | undefined
  fired = 0
  abandoned = 0
  readonly onDue: (() => void) | undefined

  constructor(onDue?: () => void) {
    this.onDue = onDue
  }

  due(): void {
    this.fired++
    this.onDue?.()
  }

  abandon(): void {
    this.abandoned++
  }
}

const TICK_MS = 10

function rethrow(_wall: unknown, error: unknown): void {
  throw error
}

describe('wheel', () => {
  it('fires each deadline once: not before its time, and at most a tick after it', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 100_000 }), { maxLength: 50 }), (delays) => {
        const clock = new ManualClock()
        const wheel = new Wheel(clock, TICK_MS, rethrow)
        const items = delays.map((delayMs) => ({ delayMs, item: new Item() }))
        for (const { item, delayMs } of items) wheel.schedule(item, delayMs)
        for (let now = 0; now < 101_000; now += 500) {
          for (const { item, delayMs } of items) {
            if (delayMs > now) expect(item.fired).toBe(0)
            if (delayMs <= now - 2 * TICK_MS) expect(item.fired).toBe(1)
          }
          clock.pass(500)
          wheel.advance()
        }
        wheel.close()
      }),
      { numRuns: 30 },
    )
  })

  it('does not fire what was cancelled, and fires what was moved once, at its new time', () => {
    const clock = new ManualClock()
    const wheel = new Wheel(clock, TICK_MS, rethrow)
    const [kept, cancelled, moved] = [new Item(), new Item(), new Item()]
    for (const item of [kept, cancelled, moved]) wheel.schedule(item, 100)
    wheel.cancel(cancelled)
    wheel.cancel(cancelled)
    wheel.schedule(moved, 1000)
    clock.pass(500)
    wheel.advance()
    expect([kept.fired, cancelled.fired, moved.fired]).toEqual([1, 0, 0])
    clock.pass(600)
    wheel.advance()
    expect([kept.fired, cancelled.fired, moved.fired]).toEqual([1, 0, 1])
    wheel.close()
  })

  it('may be scheduled again from within its own firing', () => {
    const clock = new ManualClock()
    const wheel = new Wheel(clock, TICK_MS, rethrow)
    const item: Item = new Item(() => wheel.schedule(item, 100))
    wheel.schedule(item, 100)
    for (let i = 0; i < 10; i++) {
      clock.pass(120)
      wheel.advance()
    }
    expect(item.fired).toBeGreaterThanOrEqual(9)
    wheel.close()
  })

  it('one that fires may cancel or move any other that is due in the same moment, and the rest are met', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.nat(9), what: fc.constantFrom('cancel', 'move', 'none') }), {
          minLength: 10,
          maxLength: 10,
        }),
        (plans) => {
          const clock = new ManualClock()
          const wheel = new Wheel(clock, TICK_MS, rethrow)
          const gone = new Set<Item>()
          const items: Item[] = plans.map(
            ({ at, what }) =>
              new Item(() => {
                const other = items[at] as Item
                if (what === 'none' || other.fired > 0) return
                gone.add(other)
                if (what === 'cancel') wheel.cancel(other)
                else wheel.schedule(other, 5000)
              }),
          )
          for (const item of items) wheel.schedule(item, 100)
          clock.pass(200)
          wheel.advance()
          for (const item of items) expect(item.fired).toBe(gone.has(item) ? 0 : 1)
          wheel.close()
        },
      ),
    )
  })

  it('fires everything that fell due while the loop was stalled for longer than a turn of the wheel', () => {
    const clock = new ManualClock()
    const wheel = new Wheel(clock, TICK_MS, rethrow)
    const items = [10, 10_000, 40_000, 90_000].map((delayMs) => {
      const item = new Item()
      wheel.schedule(item, delayMs)
      return item
    })
    clock.pass(100_000)
    wheel.advance()
    expect(items.map((item) => item.fired)).toEqual([1, 1, 1, 1])
    wheel.close()
  })

  it('one deadline that fails is told of, its item ends, and the others are met all the same', () => {
    const clock = new ManualClock()
    const caught: unknown[] = []
    const wheel = new Wheel(clock, TICK_MS, (wall, error) => caught.push(wall, error))
    const fault = new Error('a fault')
    const items = [undefined, fault, undefined].map(
      (thrown) =>
        new Item(() => {
          if (thrown !== undefined) throw thrown
        }),
    )
    for (const item of items) wheel.schedule(item, 100)
    clock.pass(200)
    wheel.advance()
    expect(items.map(({ fired, abandoned }) => [fired, abandoned])).toEqual([
      [1, 0],
      [1, 1],
      [1, 0],
    ])
    expect(caught).toEqual(['deadline', fault])
    wheel.close()
  })
})
