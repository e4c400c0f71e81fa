import { describe, expect, it } from 'vitest'
import { saturationOf } from '../../../bench/lib/saturation.ts'

/** Keeps up until a rate, and stays at it beyond. */
function serverOf(most: number): { readonly asked: number[]; probe(perSecond: number): Promise<number> } {
  const asked: number[] = []
  return {
    asked,
    probe(perSecond) {
      asked.push(perSecond)
      return Promise.resolve(Math.min(perSecond, most))
    },
  }
}

describe('the search for saturation', () => {
  it.each([130, 999, 1000, 1499, 4000, 123_456])(
    'finds %i messages a second to a tenth, and not more',
    async (most) => {
      const server = serverOf(most)
      const found = await saturationOf((perSecond) => server.probe(perSecond))
      // Who gets 95 % of what was asked for kept up.
      expect(found).toBeLessThanOrEqual(most / 0.95)
      expect(found).toBeGreaterThan(most / 1.1)
      // A probe that failed is made once more.
      expect(server.asked.length).toBeLessThanOrEqual(20)
    },
  )

  it('is not misled by one probe that was disturbed', async () => {
    let probes = 0
    const found = await saturationOf((perSecond) => {
      probes++
      return Promise.resolve(probes % 2 === 1 ? 0 : Math.min(perSecond, 5000))
    })
    expect(found).toBeGreaterThan(5000 / 1.1)
  })

  it('ends where everything comes through', async () => {
    const server = serverOf(Number.POSITIVE_INFINITY)
    expect(await saturationOf((perSecond) => server.probe(perSecond))).toBeGreaterThan(1_000_000)
    expect(server.asked.length).toBeLessThanOrEqual(15)
  })

  it('fails where nothing does', async () => {
    await expect(saturationOf(() => Promise.resolve(0))).rejects.toThrow('not even 62.5 messages a second')
  })
})
