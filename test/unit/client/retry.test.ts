import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffMs, Retry, SETTLED_MS } from '../../../src/client/retry.ts'
import { CLOSE, reconnectAfter } from '../../../src/dialect/sluice-v1/codes.ts'

const OPTIONS = { baseMs: 1000, maxMs: 20_000 }
const CUT = 1006
const ALMOST_ONE = 1 - Number.EPSILON

describe('Retry', () => {
  it('R1 the bounds of attempts double up to the maximum', () => {
    const retry = new Retry(OPTIONS)
    const bounds = Array.from({ length: 8 }, () => Math.round(retry.after(CUT, 0, ALMOST_ONE) as number))
    expect(bounds).toEqual([1000, 2000, 4000, 8000, 16_000, 20_000, 20_000, 20_000])
  })

  it('R1 the jitter is full: any time from zero to the bound', () => {
    fc.assert(
      fc.property(
        fc.nat(2000),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, random) => {
          const delayMs = backoffMs(OPTIONS, attempt, random)
          expect(delayMs).toBe(random * Math.min(20_000, 1000 * 2 ** attempt))
          expect(delayMs).toBeGreaterThanOrEqual(0)
          expect(delayMs).toBeLessThan(20_000)
        },
      ),
    )
  })

  it('R1 an attempt after a settled connection is a first one again', () => {
    const retry = new Retry(OPTIONS)
    for (let attempt = 0; attempt < 5; attempt++) retry.after(CUT, 0, 0.5)
    expect(retry.after(CUT, SETTLED_MS - 1, 0.5)).toBe(10_000)
    expect(retry.after(CUT, SETTLED_MS, 0.5)).toBe(500)
  })

  it('R5 who is served meanwhile is soon back however often it was sent on, and one who is not waits longer and longer', () => {
    const retry = new Retry(OPTIONS)
    const bounds = Array.from({ length: 6 }, () =>
      Math.round(retry.after(CUT, 0, ALMOST_ONE, true) as number),
    )
    expect(bounds).toEqual([1000, 2000, 4000, 4000, 4000, 4000])
    expect(Math.round(retry.after(CUT, 0, ALMOST_ONE) as number)).toBe(20_000)
  })

  it('R2 now is at once, but not twice before a connection has settled', () => {
    const retry = new Retry(OPTIONS)
    expect(retry.after(CLOSE.goingAway, 0, 0.5)).toBe(0)
    expect(retry.after(CLOSE.goingAway, 0, 0.5)).toBe(1000)
    expect(retry.after(CLOSE.goingAway, SETTLED_MS, 0.5)).toBe(0)
  })

  it('R3 a refused token is replaced at once, whatever came before, and then with pauses', () => {
    const retry = new Retry(OPTIONS)
    retry.after(CUT, 0, 0.5)
    retry.after(CUT, 0, 0.5)
    expect(retry.after(CLOSE.unauthorized, 0, 0.5)).toBe(0)
    expect(retry.after(CLOSE.unauthorized, 0, 0.5)).toBe(2000)
    expect(retry.after(CLOSE.unauthorized, 100, 0.5)).toBe(4000)
    expect(retry.after(CLOSE.unauthorized, SETTLED_MS, 0.5)).toBe(0)
  })

  it.each(Object.values(CLOSE).filter((code) => reconnectAfter(code) === 'never'))(
    'R4 %s is never',
    (code) => {
      expect(new Retry(OPTIONS).after(Number(code), SETTLED_MS, 0.5)).toBeUndefined()
    },
  )
})
