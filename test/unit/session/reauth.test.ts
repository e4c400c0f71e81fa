import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ASKED, planReauth } from '../../../src/session/reauth.ts'

const OPTIONS = { intervalMs: 45 * 60_000, deadlineMs: 60_000 }
const random = fc.double({ min: 0, max: 0.999, noNaN: true })

describe('the moment to ask for a fresh token', () => {
  it('is within the last quarter of the interval where the token does not expire', () => {
    fc.assert(
      fc.property(random, (drawn) => {
        const { askInMs, deadlineMs } = planReauth(undefined, OPTIONS, drawn)
        expect(askInMs).toBeGreaterThanOrEqual(OPTIONS.intervalMs * 0.75)
        expect(askInMs).toBeLessThanOrEqual(OPTIONS.intervalMs)
        expect(deadlineMs).toBe(OPTIONS.deadlineMs)
      }),
    )
  })

  it('leaves time to answer before the token expires, and never outlives it', () => {
    fc.assert(
      fc.property(random, fc.integer({ min: 0, max: 10 * 3_600_000 }), (drawn, expiresInMs) => {
        const { askInMs, deadlineMs } = planReauth(expiresInMs, OPTIONS, drawn)
        expect(askInMs).toBeGreaterThanOrEqual(0)
        expect(askInMs).toBeLessThanOrEqual(OPTIONS.intervalMs)
        expect(askInMs + deadlineMs).toBeLessThanOrEqual(expiresInMs + 1e-6)
        if (expiresInMs > 0) expect(deadlineMs).toBeGreaterThan(0)
      }),
    )
  })

  it('is spread: two connections with the same token are not asked together', () => {
    const moments = [0, 0.25, 0.5, 0.75].map((drawn) => planReauth(600_000, OPTIONS, drawn).askInMs)
    expect(new Set(moments).size).toBe(4)
  })

  it('is at the draw’s place in the last quarter of the interval', () => {
    const at = (drawn: number): number => planReauth(undefined, OPTIONS, drawn).askInMs / 60_000
    expect([at(0), at(0.5)]).toEqual([33.75, 39.375])
  })

  it('is once or twice the time to answer before the token expires, where that is sooner', () => {
    const at = (drawn: number) => planReauth(600_000, OPTIONS, drawn)
    expect(at(0)).toEqual({ askInMs: 540_000, deadlineMs: 60_000 })
    expect(at(0.5)).toEqual({ askInMs: 510_000, deadlineMs: 60_000 })
  })

  it('is in the second quarter of the life of a token that lives shortly, and the rest is the time to answer', () => {
    const at = (drawn: number) => planReauth(40_000, OPTIONS, drawn)
    expect(at(0)).toEqual({ askInMs: 15_000, deadlineMs: 25_000 })
    expect(at(0.5)).toEqual({ askInMs: 17_500, deadlineMs: 22_500 })
  })

  it('is now where the token has expired, without time to answer', () => {
    expect(planReauth(-5000, OPTIONS, 0.5)).toEqual({ askInMs: 0, deadlineMs: 0 })
  })

  it('has in its place a mark that is no time at all, once the client was asked', () => {
    expect(ASKED).toBeLessThan(0)
  })
})
