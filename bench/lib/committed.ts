/**
 * The ratios that are committed, and whether a quick run keeps them. Microseconds are another machine's; ratios are not. Pure.
 *
 * Each row is held against five runs of the quick form itself, which are kept in bench/results/check.json: a quick run is shorter and so a little
 * dearer than what docs/benchmarks.md shows, and how far five of them lie apart says what is noise in this row.
 */
import type { Outcome } from './bench.ts'
import { ratioOf } from './print.ts'
import { median } from './statistics.ts'

export const BASE_RUNS = 5
/**
 * The largest of five differs from the smallest by 2.3 standard deviations on average, so this is 3.5 of them beyond the median: of a hundred rows
 * none is worse by chance in nineteen runs of twenty, and what is worse is measured four times more before anybody is told.
 */
const TIMES_THE_SPREAD = 1.5
/** Five runs may lie closer together by luck. */
const TOLERANCE_MIN = 0.05
/** Of rows of which five runs are not kept: rounds of one run differ by up to an eighth on a machine that has other work. */
export const TOLERANCE_UNKNOWN = 0.25

/** What five quick runs found, by caption and row: one ratio for each run. */
export interface Base {
  readonly commit: string
  readonly machine: string
  /** All five. */
  readonly tookSeconds: number
  readonly rows: Readonly<Record<string, readonly number[]>>
}

export interface Kept {
  readonly what: string
  readonly measured: number
  /** `undefined`: nobody has committed such a row. Nothing is promised then, and nobody knows: that is not good either. */
  readonly expected: number | undefined
  /** As a share of what is expected. */
  readonly tolerance: number
  /** Where both come from. */
  readonly origin: string
  readonly verdict: 'good' | 'BETTER' | 'WORSE' | 'NEW'
}

/** The runs of each row that can be held to a ratio: every one but the first, with which it is compared. */
export function ratiosIn({ tables }: Outcome): ReadonlyMap<string, readonly number[]> {
  const compared = tables.filter(({ aside }) => aside !== true)
  return new Map(
    compared.flatMap(({ caption, rows }) =>
      rows
        .slice(1)
        .map((row): [string, readonly number[]] => [
          `${caption}: ${row.label}`,
          row.rounds.map((_, round) => ratioOf(only(row, round), [only(rows[0] ?? row, round)])),
        ]),
    ),
  )
}

function only<Row extends { readonly rounds: readonly number[] }>(row: Row, round: number): Row {
  return { ...row, rounds: row.rounds.slice(round, round + 1) }
}

/** `committed`: what the page shows of the same benchmark, for rows of which five runs are not kept. */
export function compare(
  measured: Outcome,
  base: Base | undefined,
  committed: Outcome | undefined,
): readonly Kept[] {
  const shown = committed === undefined ? new Map<string, readonly number[]>() : ratiosIn(committed)
  return [...ratiosIn(measured)].map(([what, rounds]) => {
    const found = median(rounds)
    const promise = promiseOf(base?.rows[what], shown.get(what))
    if (promise === undefined)
      return {
        ...{ what, measured: found, expected: undefined, tolerance: 0, verdict: 'NEW' },
        origin: 'no run of it is kept',
      }
    const { expected, tolerance } = promise
    const worse = found > expected * (1 + tolerance)
    const better = found < expected * (1 - tolerance)
    return { what, measured: found, ...promise, verdict: worse ? 'WORSE' : better ? 'BETTER' : 'good' }
  })
}

type Promised = Pick<Kept, 'tolerance' | 'origin'> & { readonly expected: number }

function promiseOf(
  runs: readonly number[] | undefined,
  shown: readonly number[] | undefined,
): Promised | undefined {
  if (runs !== undefined && runs.length >= BASE_RUNS) {
    const [low, high] = [Math.min(...runs), Math.max(...runs)]
    const expected = median(runs)
    return {
      expected,
      tolerance: Math.max(TOLERANCE_MIN, (TIMES_THE_SPREAD * (high - low)) / expected),
      origin: `${runs.length} quick runs were ${low.toFixed(2)} to ${high.toFixed(2)}`,
    }
  }
  if (shown === undefined) return undefined
  const origin = 'docs/benchmarks.md; five quick runs are not kept'
  return { expected: median(shown), tolerance: TOLERANCE_UNKNOWN, origin }
}

/** What is kept of five runs of the quick form. Fails where they were fewer, or of one server alone. */
export function baseOf(outcome: Outcome, about: Omit<Base, 'rows'>): Base {
  const rows = Object.fromEntries(ratiosIn(outcome))
  if (Object.keys(rows).length === 0) throw new Error('nothing was compared, so nothing can be expected')
  const few = Object.entries(rows).find(([, runs]) => runs.length < BASE_RUNS)
  if (few !== undefined)
    throw new Error(
      `${few[0]} was run ${few[1].length} times; what is noise is told by ${BASE_RUNS}: leave --rounds out`,
    )
  return { ...about, rows }
}

/** What is expected from now on. */
export function acceptedLines(title: string, { rows }: Base): readonly string[] {
  return Object.entries(rows).map(([what, runs]) => {
    const { expected, tolerance, origin } = promiseOf(runs, undefined) as Promised
    const most = `at most ${(expected * (1 + tolerance)).toFixed(2)} ×`
    return `KEPT   ${title}, ${what}: ${expected.toFixed(2)} × (${origin}), from now on ${most}`
  })
}

/** A line for each row, and for each that is not good what was expected, where that comes from, and how it is accepted. */
export function reportLines(name: string, title: string, kept: readonly Kept[]): readonly string[] {
  const lines = kept.flatMap(({ what, measured, expected, tolerance, origin, verdict }) => {
    const line = `${verdict.padEnd(6)} ${title}, ${what}: ${measured.toFixed(2)} ×`
    if (expected === undefined) return [`${line}, and ${origin}`]
    const most = `at most ${(expected * (1 + tolerance)).toFixed(2)} ×`
    const how = `expected ${expected.toFixed(2)} ×, ${most} with ${(tolerance * 100).toFixed(0)} % for noise (${origin})`
    return verdict === 'good' ? [`${line} (${most})`] : [line, `       ${how}`]
  })
  if (kept.every(({ verdict }) => verdict === 'good')) return lines
  return [
    ...lines,
    `       to accept what is found: npm run bench:check -- ${name} --accept (five runs, on a machine that does nothing else), then commit bench/results/check.json and say why`,
  ]
}
