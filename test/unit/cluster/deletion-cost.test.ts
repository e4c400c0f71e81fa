import { describe, expect, it } from 'vitest'
import { deletionCost, isWorthTelling } from '../../../src/cluster/deletion-cost.ts'

describe('what it costs to end a node', () => {
  it('is what is connected to it, so that the emptiest is the cheapest', () => {
    expect(deletionCost(0, 'active')).toBe(0)
    expect(deletionCost(700, 'active')).toBeLessThan(deletionCost(800, 'cordoned'))
  })

  it('is below all others where the node leaves, in 32 bits', () => {
    for (const state of ['draining', 'closing'] as const) {
      const cost = deletionCost(1_000_000, state)
      expect(cost).toBeLessThan(deletionCost(0, 'active'))
      expect(cost).toBeGreaterThanOrEqual(-(2 ** 31))
    }
  })

  it.each([
    [0, undefined, true],
    [9, 0, false],
    [10, 0, true],
    [1050, 1000, false],
    [1100, 1000, true],
    [900, 1000, true],
    [-999_999_000, 1000, true],
    [-999_999_500, -999_999_000, false],
    [1000, -999_999_000, true],
  ])('of %s is told where %s was told last: %s', (cost, told, worth) => {
    expect(isWorthTelling(cost, told)).toBe(worth)
  })
})
