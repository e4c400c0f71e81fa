import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isDrainPlan } from '../../../src/config/forms.ts'
import { parsePlan, planText } from '../../../src/drain/pace.ts'

describe('a plan', () => {
  it.each([
    ['5%/2m', { kind: 'percent', percent: 5, everyMs: 120_000 }],
    ['2.5%/30s', { kind: 'percent', percent: 2.5, everyMs: 30_000 }],
    ['100%/1h', { kind: 'percent', percent: 100, everyMs: 3_600_000 }],
    ['5000/30s', { kind: 'count', count: 5000, everyMs: 30_000 }],
    ['1/500ms', { kind: 'count', count: 1, everyMs: 500 }],
    ['5m', { kind: 'over', totalMs: 300_000 }],
    ['1d', { kind: 'over', totalMs: 86_400_000 }],
    ['1.5m', { kind: 'over', totalMs: 90_000 }],
  ])('%s is read', (text, plan) => {
    expect(parsePlan(text)).toEqual(plan)
  })

  it.each([
    '',
    '5%',
    '5000',
    '5%/',
    '/2m',
    '0%/2m',
    '101%/2m',
    '0/2m',
    '1.5/2m',
    '-5%/2m',
    '5%/0s',
    '5%/2m/1m',
    '5%/120000',
    ' 5m',
    '5 m',
    '5w',
    '0s',
    '0.4ms',
    '99999999999d',
    '5%/2M',
    'all',
  ])('%j is none', (text) => {
    expect(parsePlan(text)).toBeUndefined()
  })

  it('that the configuration allows is one for the drain: a typing error shows at the start, not at the end', () => {
    const units = fc.constantFrom('ms', 's', 'm', 'h', 'd', '', ' s', 'S')
    const numbers = fc.oneof(
      fc.nat(100_000).map(String),
      fc.constantFrom('0', '0.5', '1.5', '05', '-1', '', '1e3', '99999999999'),
    )
    const times = fc.tuple(numbers, units).map(([number, unit]) => number + unit)
    const batches = fc.tuple(numbers, fc.constantFrom('', '%')).map(([number, unit]) => number + unit)
    const texts = fc.oneof(
      times,
      fc.tuple(batches, times).map(([batch, time]) => `${batch}/${time}`),
    )
    fc.assert(
      fc.property(texts, (text) => {
        if (isDrainPlan(text)) expect(parsePlan(text)).toBeDefined()
      }),
      { numRuns: 2000 },
    )
  })

  it('is the same after it was told as text', () => {
    for (const text of ['5%/2m', '2.5%/1500ms', '5000/30s', '5m', '90s', '2h', '1d']) {
      expect(planText(parsePlan(text) as NonNullable<ReturnType<typeof parsePlan>>)).toBe(text)
    }
  })
})
