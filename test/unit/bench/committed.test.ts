import { describe, expect, it } from 'vitest'
import type { Outcome } from '../../../bench/lib/bench.ts'
import {
  acceptedLines,
  BASE_RUNS,
  baseOf,
  compare,
  ratiosIn,
  reportLines,
} from '../../../bench/lib/committed.ts'

function outcome(floor: readonly number[], ours: readonly number[]): Outcome {
  const rows = [
    { label: 'raw', rounds: floor },
    { label: 'Sluice', rounds: ours },
  ]
  return { arrangement: '', tables: [{ caption: 'Warm', unit: 'µs', per: 'connect', rows }] }
}

const RAW = [10, 10, 10, 10, 10]
// Five runs from 2.0 to 2.2 ×: half as much again as their distance is 0.3 of 2.1 ×.
const ABOUT = { commit: 'c', machine: 'm', tookSeconds: 10 }
const base = baseOf(outcome(RAW, [20, 22, 21, 20.5, 21.5]), ABOUT)

describe('what a run is held to', () => {
  it('is the ratio of each round to the first row of the same round', () => {
    expect(Object.fromEntries(ratiosIn(outcome([10, 20], [20, 60])))).toEqual({ 'Warm: Sluice': [2, 3] })
  })

  it('comes of five runs, and of no fewer', () => {
    expect(base.rows).toEqual({ 'Warm: Sluice': [2, 2.2, 2.1, 2.05, 2.15] })
    expect(() => baseOf(outcome([10], [20]), ABOUT)).toThrow(`Warm: Sluice was run 1 times`)
  })

  it('is nothing where a server was run alone', () => {
    const alone = {
      arrangement: '',
      tables: outcome(RAW, RAW).tables.map((one) => ({ ...one, rows: one.rows.slice(1) })),
    }
    expect(() => baseOf(alone, ABOUT)).toThrow('nothing was compared')
  })

  it('passes on a tree that is as it was, and fails where one of many rows is twice as dear', () => {
    const NAMES = ['Broadcast', 'Connects', 'Idle']
    const all = (factors: Readonly<Record<string, number>>, noise: readonly number[]): Outcome => ({
      arrangement: '',
      tables: NAMES.flatMap((name, at) =>
        outcome(
          RAW.slice(0, noise.length),
          noise.map((one) => 10 * (at + 1) * one * (factors[name] ?? 1)),
        ).tables.map((one) => ({ ...one, caption: name })),
      ),
    })
    const kept = baseOf(all({}, [1, 1.03, 0.98, 1.01, 0.99]), ABOUT)
    // As it is read again from bench/results/check.json.
    const read = JSON.parse(JSON.stringify(kept)) as typeof kept
    const verdicts = (measured: Outcome): string[] =>
      compare(measured, read, undefined).map(({ verdict }) => verdict)
    expect(verdicts(all({}, [1.04]))).toEqual(['good', 'good', 'good'])
    expect(verdicts(all({ Connects: 2 }, [1]))).toEqual(['good', 'WORSE', 'good'])
    // One that was disturbed once is asked four times more, and is not worse; one that is worse stays so.
    expect(verdicts(all({}, [2, 1, 1.02, 0.99, 1]))).toEqual(['good', 'good', 'good'])
    expect(verdicts(all({ Idle: 2 }, [1, 1.02, 0.98, 1, 1.01]))).toEqual(['good', 'good', 'WORSE'])
  })

  it.each([
    ['as it was', [21], 'good'],
    ['worse by less than the noise of the five', [23.9], 'good'],
    ['worse by more', [24.1], 'WORSE'],
    ['better by more', [17.9], 'BETTER'],
    ['worse in one round, which was disturbed', [21, 99, 21], 'good'],
  ])('lets nobody be worse by more than the noise of the five: %s', (_, ours, verdict) => {
    expect(compare(outcome(RAW.slice(0, ours.length), ours), base, undefined)).toEqual([
      expect.objectContaining({ what: 'Warm: Sluice', expected: 2.1, verdict }),
    ])
  })

  it('has some noise where five runs were alike', () => {
    const alike = baseOf(outcome(RAW, [20, 20, 20, 20, 20]), ABOUT)
    expect(compare(outcome([10], [20.9]), alike, undefined)[0]?.verdict).toBe('good')
    expect(compare(outcome([10], [21.1]), alike, undefined)[0]?.verdict).toBe('WORSE')
  })

  it('is what the page shows where five runs are not kept, with a quarter', () => {
    const shown = outcome([10, 10, 10], [20, 22, 21])
    expect(compare(outcome([10], [26]), undefined, shown)[0]).toMatchObject({
      ...{ verdict: 'good', expected: 2.1, tolerance: 0.25 },
      origin: 'docs/benchmarks.md; five quick runs are not kept',
    })
    expect(compare(outcome([10], [27]), undefined, shown)[0]?.verdict).toBe('WORSE')
  })

  it('does not depend on how fast the machine is', () => {
    expect(compare(outcome([100, 40, 70], [210, 84, 147]), base, undefined)[0]?.verdict).toBe('good')
  })

  it('has to be there: what nobody has committed is not good', () => {
    expect(compare(outcome([1], [1]), undefined, undefined)).toEqual([
      expect.objectContaining({ what: 'Warm: Sluice', expected: undefined, measured: 1, verdict: 'NEW' }),
    ])
  })

  it('is nothing of a table that stands aside', () => {
    const { tables, ...rest } = outcome([10], [99])
    const aside = { ...rest, tables: tables.map((one) => ({ ...one, aside: true as const })) }
    expect(compare(aside, base, undefined)).toEqual([])
  })
})

it('what is accepted is said, with what is expected from now on', () => {
  expect(acceptedLines('Connects', base)).toEqual([
    'KEPT   Connects, Warm: Sluice: 2.10 × (5 quick runs were 2.00 to 2.20), from now on at most 2.40 ×',
  ])
})

describe('what is said of a run', () => {
  const said = (ours: number): string =>
    reportLines('connect-storm', 'Connects', compare(outcome([10], [ours]), base, undefined)).join('\n')

  it('names the row, what was expected and why, what was found, and how that is accepted', () => {
    const worse = said(30)
    expect(worse).toContain('WORSE  Connects, Warm: Sluice: 3.00 ×')
    expect(worse).toContain('expected 2.10 ×, at most 2.40 × with 14 % for noise')
    expect(worse).toContain(`${BASE_RUNS} quick runs were 2.00 to 2.20`)
    expect(worse).toContain('npm run bench:check -- connect-storm --accept')
    expect(worse).toContain('commit bench/results/check.json')
  })

  it('is a line where all is well', () => {
    expect(said(21)).toBe('good   Connects, Warm: Sluice: 2.10 × (at most 2.40 ×)')
  })
})
