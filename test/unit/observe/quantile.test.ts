import { describe, expect, it } from 'vitest'
import { quantileOf } from '../../../src/observe/quantile.ts'

const BOUNDS = [1, 2, 5]

describe('a quantile of what was counted in buckets', () => {
  it('is between the bounds of the bucket that it falls into, spread evenly', () => {
    expect(quantileOf(0.5, BOUNDS, [0, 10, 0, 0])).toBe(1.5)
    expect(quantileOf(0.5, BOUNDS, [10, 0, 0, 0])).toBe(0.5)
    expect(quantileOf(0.99, BOUNDS, [98, 0, 2, 0])).toBe(3.5)
  })

  it('is the last bound where it is over all of them', () => {
    expect(quantileOf(0.99, BOUNDS, [1, 0, 0, 99])).toBe(5)
  })

  it('is not there where nothing was counted', () => {
    expect(quantileOf(0.5, BOUNDS, [0, 0, 0, 0])).toBeUndefined()
  })
})
