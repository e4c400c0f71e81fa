import { describe, expect, it } from 'vitest'
import {
  carriedOver,
  charge,
  FULL_AT_MS,
  rateOf,
  take,
  untilMs,
  type Rate,
} from '../../../src/admission/bucket.ts'

function rate(perSecond: number, burst: number): Rate {
  const made = rateOf(perSecond, burst)
  if (made === undefined) throw new Error('a rate of 0')
  return made
}

/** Takes one by one until the bucket says no. */
function takeAll(state: number, nowMs: number, from: Rate): { taken: number; state: number } {
  let taken = 0
  for (;;) {
    const next = take(state, nowMs, 1, from)
    if (next === undefined) return { taken, state }
    state = next
    taken++
  }
}

describe('a token bucket', () => {
  it.each([
    [2000, 4000],
    [3, 7],
    [0.1, 1],
    [1_048_576, 4096],
  ])(
    'of %d per second and a burst of %d begins full and gives exactly the burst at once',
    (perSecond, burst) => {
      expect(takeAll(FULL_AT_MS, 5, rate(perSecond, burst)).taken).toBe(burst)
    },
  )

  it('refills at its rate, not at once and not by the burst', () => {
    const tenPerSecond = rate(10, 50)
    let { state } = takeAll(FULL_AT_MS, 0, tenPerSecond)
    const taken = []
    for (let nowMs = 1000; nowMs <= 4000; nowMs += 1000) {
      const result = takeAll(state, nowMs, tenPerSecond)
      taken.push(result.taken)
      state = result.state
    }
    expect(taken).toEqual([10, 10, 10, 10])
  })

  it('keeps what is less than a token between two looks', () => {
    const threePerSecond = rate(3, 1)
    let state: number = takeAll(FULL_AT_MS, 0, threePerSecond).state
    let taken = 0
    for (let nowMs = 0; nowMs <= 10_000; nowMs += 7) {
      const next = take(state, nowMs, 1, threePerSecond)
      if (next === undefined) continue
      state = next
      taken++
    }
    // 30 come back; each look comes up to 7 ms late, and with a burst of 1 that time is lost.
    expect(taken).toBeGreaterThanOrEqual(29)
    expect(taken).toBeLessThanOrEqual(30)
  })

  it('never holds more than the burst, however long nobody came', () => {
    const from = rate(10, 5)
    const { state } = takeAll(FULL_AT_MS, 0, from)
    expect(takeAll(state, 1e9, from).taken).toBe(5)
  })

  it('gives several tokens at once or none of them', () => {
    const from = rate(10, 5)
    const state = take(FULL_AT_MS, 0, 3, from)
    expect(state).toBeDefined()
    expect(take(state as number, 0, 3, from)).toBeUndefined()
    expect(take(state as number, 0, 2, from)).toBeDefined()
  })

  it('says when there will be enough, and then there is', () => {
    const from = rate(10, 5)
    const { state } = takeAll(FULL_AT_MS, 0, from)
    expect(untilMs(state, 0, 1, from)).toBeCloseTo(100, -1)
    expect(untilMs(state, 0, 5, from)).toBeCloseTo(500, -1)
    expect(take(state, 499, 5, from)).toBeUndefined()
    expect(take(state, 500, 5, from)).toBeDefined()
    expect(untilMs(state, 500, 5, from)).toBe(0)
  })

  it('never has more tokens than its burst', () => {
    expect(take(FULL_AT_MS, 0, 6, rate(10, 5))).toBeUndefined()
    expect(untilMs(FULL_AT_MS, 0, 6, rate(10, 5))).toBe(Infinity)
  })

  it.each([1, 100, 499, 501, 10_000, 3_600_000])(
    'a clock that jumps %d ms back keeps nobody out for longer than a refill, and the limit works on',
    (jumpMs) => {
      const from = rate(10, 5)
      const before = takeAll(FULL_AT_MS, 10_000_000, from).state
      const nowMs = 10_000_000 - jumpMs
      expect(untilMs(before, nowMs, 5, from)).toBeLessThanOrEqual(500 + Math.min(jumpMs, 600))
      const first = takeAll(before, nowMs, from)
      expect(first.taken).toBeLessThanOrEqual(5)
      const later = takeAll(first.state, nowMs + 1200, from)
      expect(later.taken).toBe(5)
      expect(takeAll(later.state, nowMs + 1400, from).taken).toBe(2)
    },
  )

  it('a rate of 0 is no limit', () => {
    expect(rateOf(0, 100)).toBeUndefined()
  })

  it('a burst of 0 is what comes in a second, at least one', () => {
    expect(takeAll(FULL_AT_MS, 0, rate(20, 0)).taken).toBe(20)
    expect(takeAll(FULL_AT_MS, 0, rate(0.5, 0)).taken).toBe(1)
  })
})

describe('a bucket of five tokens, one in 100 ms', () => {
  const FIVE: Rate = { tokenMs: 100, capacityMs: 500 }

  it('has its state in the moment at which it will be full again', () => {
    expect(take(FULL_AT_MS, 1000, 2, FIVE)).toBe(1200)
    expect(take(1200, 1000, 2, FIVE)).toBe(1400)
    expect(take(1200, 1100, 2, FIVE)).toBe(1400)
    expect(take(1200, 1300, 2, FIVE)).toBe(1500)
    expect(take(FULL_AT_MS, 1000, 5, FIVE)).toBe(1500)
    expect(take(1001, 1000, 5, FIVE)).toBeUndefined()
  })

  it('is charged as if there were enough, and is empty at worst', () => {
    expect(charge(FULL_AT_MS, 1000, 2, FIVE)).toBe(1200)
    expect(charge(1200, 1000, 2, FIVE)).toBe(1400)
    expect(charge(1200, 1000, 3, FIVE)).toBe(1500)
    expect(charge(1200, 1000, 50, FIVE)).toBe(1500)
  })

  it('says how long until there are so many, and that there are never more than five', () => {
    expect(untilMs(1400, 1000, 1, FIVE)).toBe(0)
    expect(untilMs(1400, 1000, 2, FIVE)).toBe(100)
    expect(untilMs(1400, 1000, 5, FIVE)).toBe(400)
    expect(untilMs(1400, 1050, 5, FIVE)).toBe(350)
    expect(untilMs(1400, 1000, 6, FIVE)).toBe(Infinity)
  })

  it('counts as full where that moment is further away than one token beyond empty: the clock has jumped', () => {
    expect(untilMs(1600, 1000, 0, FIVE)).toBe(100)
    expect(untilMs(1601, 1000, 0, FIVE)).toBe(0)
    expect(take(1601, 1000, 5, FIVE)).toBe(1500)
  })

  it('keeps what is in it under another rate, as far as there is room', () => {
    const twoEach400: Rate = { tokenMs: 400, capacityMs: 800 }
    // Four, three, one and none in it, and it is full with two.
    expect(carriedOver(1100, 1000, FIVE, twoEach400)).toBe(1000)
    expect(carriedOver(1200, 1000, FIVE, twoEach400)).toBe(1000)
    expect(carriedOver(1400, 1000, FIVE, twoEach400)).toBe(1400)
    expect(carriedOver(1500, 1000, FIVE, twoEach400)).toBe(1800)
    const tenEach10: Rate = { tokenMs: 10, capacityMs: 100 }
    expect(carriedOver(FULL_AT_MS, 1000, FIVE, tenEach10)).toBe(1050)
    expect(carriedOver(1500, 1000, FIVE, tenEach10)).toBe(1100)
  })
})

it('a rate has a token for each part of a second, and a capacity of its burst and hardly more', () => {
  expect(rateOf(4, 10)?.tokenMs).toBe(250)
  expect(rateOf(4, 10)?.capacityMs).toBeCloseTo(2500.025, 6)
  expect(rateOf(-1, 10)).toBeUndefined()
})
