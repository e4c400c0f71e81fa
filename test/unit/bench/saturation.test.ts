import { describe, expect, it } from 'vitest'
import { isHeld, LATE_MAX_MS, saturationOf } from '../../../bench/lib/saturation.ts'
import type { RateReport } from '../../../bench/load/rate.ts'

/** Keeps up until a rate. */
function serverOf(most: number): { readonly asked: number[]; probe(perSecond: number): Promise<boolean> } {
  const asked: number[] = []
  return {
    asked,
    probe(perSecond) {
      asked.push(perSecond)
      return Promise.resolve(perSecond <= most)
    },
  }
}

describe('the search for saturation', () => {
  it.each([130, 999, 1000, 1001, 4000, 20_000])(
    'finds %i messages a second to a twentieth, and not more',
    async (most) => {
      const server = serverOf(most)
      const found = await saturationOf(1000, (perSecond) => server.probe(perSecond))
      expect(found).toBeLessThanOrEqual(most)
      expect(found).toBeGreaterThan(most / 1.05)
      // A probe that failed is made once more.
      expect(server.asked.length).toBeLessThanOrEqual(24)
    },
  )

  it('takes few probes where it begins near', async () => {
    const server = serverOf(1000)
    await saturationOf(900, (perSecond) => server.probe(perSecond))
    expect(server.asked.length).toBeLessThanOrEqual(9)
  })

  it('is not misled by one probe that was disturbed', async () => {
    let probes = 0
    const found = await saturationOf(1000, (perSecond) =>
      Promise.resolve(probes++ % 2 === 1 && perSecond <= 5000),
    )
    expect(found).toBeGreaterThan(5000 / 1.05)
  })

  it('ends where everything comes through', async () => {
    const server = serverOf(Number.POSITIVE_INFINITY)
    expect(await saturationOf(1000, (perSecond) => server.probe(perSecond))).toBeGreaterThan(25_000)
    expect(server.asked.length).toBeLessThanOrEqual(14)
  })

  it('fails where nothing does', async () => {
    await expect(saturationOf(1000, () => Promise.resolve(false))).rejects.toThrow(
      'messages a second are kept',
    )
  })
})

describe('a rate is kept', () => {
  const report = (late: Partial<RateReport> & { readonly p99?: number }): RateReport => ({
    latenciesMicros: { p50: 500, p99: late.p99 ?? 2000, 'p99.9': 90_000 },
    ...{
      halvesMicros: [500, 500],
      perSecond: 1000,
      sentLateMicros: 10,
      gaveUp: false,
      loadCpuMs: 1,
      ...late,
    },
  })

  it('where 99 of 100 deliveries are in time, and the later half is not later', () => {
    expect(isHeld(report({}))).toBe(true)
    expect(isHeld(report({ halvesMicros: [500, 900] }))).toBe(true)
    expect(isHeld(report({ halvesMicros: [9000, 500] }))).toBe(true)
  })

  it('not where they are late, or the later half is by more, or it was given up', () => {
    expect(isHeld(report({ p99: LATE_MAX_MS * 1000 + 1 }))).toBe(false)
    expect(isHeld(report({ halvesMicros: [500, 6000] }))).toBe(false)
    expect(isHeld(report({ gaveUp: true }))).toBe(false)
  })
})
