import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { durationMs, durationText, sizeBytes, sizeText } from '../../../src/config/units.ts'

describe('times', () => {
  it.each([
    ['250ms', 250],
    ['10s', 10_000],
    ['1.5s', 1500],
    ['45m', 2_700_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['0s', 0],
    ['1500', 1500],
    [1500, 1500],
    [0, 0],
  ])('%j is %d milliseconds', (written, ms) => {
    expect(durationMs(written)).toBe(ms)
  })

  it.each(['', 's', '-5s', '5 s', '5S', '5min', '1h30m', '1e3s', '.5s', '1,5s', '99999999999d', '5s\n'])(
    '%j is not a time',
    (written) => {
      expect(durationMs(written)).toBeUndefined()
    },
  )

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60])(
    'the number %d is not a time',
    (written) => {
      expect(durationMs(written)).toBeUndefined()
    },
  )

  it('are written so that reading them gives the same number', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10 ** 12 }), (ms) => {
        expect(durationMs(durationText(ms))).toBe(ms)
      }),
    )
  })

  it.each([
    [2_700_000, '45m'],
    [90_000, '90s'],
    [86_400_000, '1d'],
    [0, '0'],
  ])('%d is written %s', (ms, written) => {
    expect(durationText(ms)).toBe(written)
  })
})

describe('sizes', () => {
  it.each([
    ['64KiB', 65_536],
    ['64kB', 64_000],
    ['1MB', 1_000_000],
    ['1MiB', 1_048_576],
    ['0.5MiB', 524_288],
    ['2GiB', 2_147_483_648],
    ['7B', 7],
    ['7', 7],
    [7, 7],
  ])('%j is %d bytes', (written, bytes) => {
    expect(sizeBytes(written)).toBe(bytes)
  })

  it.each(['64K', '64KB', '64kb', 'MB', '-1B', '1 MB', '1TB'])('%j is not a size', (written) => {
    expect(sizeBytes(written)).toBeUndefined()
  })

  it('are written so that reading them gives the same number', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 31 }), fc.constantFrom(1, 1000, 1024), (amount, unit) => {
        expect(sizeBytes(sizeText(amount * unit))).toBe(amount * unit)
      }),
    )
  })

  it('are written in binary units where these fit', () => {
    expect([65_536, 64_000, 1_048_576, 1001].map((bytes) => sizeText(bytes))).toEqual([
      '64KiB',
      '64kB',
      '1MiB',
      '1001B',
    ])
  })
})
