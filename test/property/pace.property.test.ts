import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { carriedOver, FULL_AT_MS, rateOf, take, type Rate } from '../../src/admission/bucket.ts'
import { CALM_TURNS, Pace, type Signals } from '../../src/admission/pace.ts'
import { DrainCore, type Capacity } from '../../src/drain/core.ts'

/** What a node offers, and drains that take it up. */

const LIMITS = { lag: 125, connect: 500, store: 100, backbone: 250 }
const most = fc.integer({ min: 1, max: 100_000 })
const signal = fc.option(fc.double({ min: 0, max: 10_000, noNaN: true }), { nil: undefined })
const signals: fc.Arbitrary<Signals> = fc.record({
  lag: signal,
  connect: signal,
  store: signal,
  backbone: signal,
})

describe('what a node offers', () => {
  it('A1 is no more than the most and never nothing, whatever is measured', () => {
    fc.assert(
      fc.property(most, fc.array(signals, { maxLength: 200 }), (mostPerSecond, measured) => {
        const pace = new Pace({ mostPerSecond, limits: LIMITS })
        for (const one of measured) {
          pace.measured(one)
          expect(pace.perSecond).toBeLessThanOrEqual(mostPerSecond)
          expect(pace.perSecond).toBeGreaterThanOrEqual(pace.least)
          expect(pace.perSecond).toBeGreaterThan(0)
        }
      }),
    )
  })

  it('A2 is the most again within so many calm turns, wherever it was', () => {
    fc.assert(
      fc.property(most, fc.array(signals, { maxLength: 100 }), (mostPerSecond, measured) => {
        const pace = new Pace({ mostPerSecond, limits: LIMITS })
        for (const one of measured) pace.measured(one)
        for (let turn = 0; turn < CALM_TURNS; turn++) pace.measured({ lag: 10, connect: undefined, store: 2 })
        expect(pace.perSecond).toBe(mostPerSecond)
      }),
    )
  })

  it('A3 shrinks at each turn with strain, whichever it is, down to the least', () => {
    fc.assert(
      fc.property(most, fc.constantFrom('lag', 'connect', 'store', 'backbone'), (mostPerSecond, name) => {
        const pace = new Pace({ mostPerSecond, limits: LIMITS })
        for (let turn = 0; turn < 20; turn++) {
          const before = pace.perSecond
          pace.measured({ lag: 0, [name]: 10_000 })
          expect(pace.perSecond < before || before === pace.least).toBe(true)
        }
        expect(pace.perSecond).toBe(pace.least)
      }),
    )
  })

  it('A4 stays around what the node can take where connections are what strains it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 10_000 }),
        fc.double({ min: 0.2, max: 0.95, noNaN: true }),
        fc.constantFrom('lag', 'connect', 'store', 'backbone'),
        (mostPerSecond, share, name) => {
          const pace = new Pace({ mostPerSecond, limits: LIMITS })
          const capacity = mostPerSecond * share
          const seen: number[] = []
          for (let turn = 0; turn < 300; turn++) {
            // As queues do: little for long, and much once there is more than can be done.
            const use = pace.perSecond / capacity
            pace.measured({ [name]: LIMITS[name as 'lag'] * (use > 1 ? 1 + use : use * 0.4) })
            if (turn >= 50) seen.push(pace.perSecond)
          }
          expect(Math.max(...seen)).toBeLessThanOrEqual(2 * Math.min(...seen))
          expect(Math.min(...seen)).toBeGreaterThanOrEqual(capacity * 0.6)
          expect(Math.max(...seen)).toBeLessThanOrEqual(capacity + mostPerSecond * 0.06)
        },
      ),
    )
  })

  it('is not changed by a signal that does not count', () => {
    const pace = new Pace({ mostPerSecond: 100, limits: { ...LIMITS, lag: 0 } })
    pace.measured({ lag: 10_000 })
    expect(pace.perSecond).toBe(100)
  })
})

it('G2 a bucket whose rate changes lets no more through than its burst and what the rates bring', () => {
  const step = fc.record({
    afterMs: fc.nat(2000),
    wanted: fc.nat(50),
    perSecond: fc.integer({ min: 1, max: 50 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const BURST = 20
      let rate = rateOf(10, BURST) as Rate
      let perSecond = 10
      let fullAtMs = FULL_AT_MS
      let nowMs = 0
      let taken = 0
      let brought = BURST
      for (const { afterMs, wanted, perSecond: next } of steps) {
        nowMs += afterMs
        brought += (afterMs * perSecond) / 1000
        for (let i = 0; i < wanted; i++) {
          const state = take(fullAtMs, nowMs, 1, rate)
          if (state === undefined) break
          fullAtMs = state
          taken++
        }
        expect(taken).toBeLessThanOrEqual(brought + 0.01)
        const after = rateOf(next, Math.max(1, (BURST * next) / 50)) as Rate
        fullAtMs = carriedOver(fullAtMs, nowMs, rate, after)
        rate = after
        perSecond = next
      }
    }),
  )
})

describe('D8 a drain', () => {
  const TICK_MS = 100
  const OPTIONS = {
    deregisterMs: 0,
    graceMs: 3000,
    returnMs: 0,
    deadlineMs: Infinity,
    closeSpreadMs: 1000,
  }
  const rates = fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 30 })

  /** Asks as told; everybody moves at the next tick. Answers how many were asked, by tick. */
  function run(
    plan: 'fast' | number,
    clients: number,
    rateAt: (tick: number) => number | undefined,
  ): number[] {
    const core = new DrainCore(
      { ...OPTIONS, plan: plan === 'fast' ? { kind: 'fast' } : { kind: 'over', totalMs: plan } },
      clients,
      0,
    )
    const asked: number[] = []
    let here = clients
    let names = 0
    let going: string[] = []
    for (let tick = 0; tick < 100_000; tick++) {
      const nowMs = tick * TICK_MS
      for (const name of going) {
        core.confirm(name, { gapMs: 0, recovered: true }, nowMs)
        core.gone(name, nowMs)
        here--
      }
      going = []
      const rate = rateAt(tick)
      const capacity: Capacity = {
        ok: true,
        reason: '',
        room: Infinity,
        ...(rate === undefined ? {} : { rate }),
      }
      let count = 0
      for (const decision of core.tick(nowMs, here, capacity)) {
        if (decision.kind === 'done') return asked
        if (decision.kind !== 'ask') continue
        count = decision.count
        for (let i = 0; i < decision.count; i++) {
          const name = `c${names++}`
          core.asked(name, 'websocket', 0, nowMs)
          going.push(name)
        }
      }
      asked.push(count)
    }
    throw new Error('it does not end')
  }

  it('ends also where the others take one connection a second', () => {
    expect(run('fast', 3, () => 1).reduce((sum, count) => sum + count, 0)).toBe(3)
  })

  it('without a pace of its own asks for no more than what is offered, for all of it, and ends', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), rates, (clients, offers) => {
        const rateAt = (tick: number): number => offers[Math.floor(tick / 10) % offers.length] as number
        const asked = run('fast', clients, rateAt)
        expect(asked.reduce((sum, count) => sum + count, 0)).toBe(clients)
        // In any stretch: what was offered in it, and what had added up in the second before.
        for (let from = 0; from < asked.length; from++) {
          let sum = 0
          let offered = Math.max(...offers)
          for (let to = from; to < Math.min(asked.length, from + 100); to++) {
            sum += asked[to] as number
            offered += (rateAt(to) * TICK_MS) / 1000
            expect(sum).toBeLessThanOrEqual(offered + 1)
          }
        }
      }),
      { numRuns: 30 },
    )
  })

  it('without a pace of its own is about as fast as what is offered', () => {
    const asked = run('fast', 10_000, () => 500)
    const seconds = (asked.length * TICK_MS) / 1000
    expect(seconds).toBeGreaterThan(20)
    expect(seconds).toBeLessThan(30)
  })

  it('without a pace of its own goes gently where nobody says what he takes', () => {
    const asked = run('fast', 1000, () => undefined)
    expect((asked.length * TICK_MS) / 1000).toBeGreaterThan(5)
  })

  it('with a plan that is faster than the others waits for them, and keeps the plan where it is not', () => {
    expect((run(1000, 5000, () => 100).length * TICK_MS) / 1000).toBeGreaterThan(30)
    const kept = run(10_000, 500, () => 1000).length
    expect(kept).toBe(run(10_000, 500, () => undefined).length)
  })
})
