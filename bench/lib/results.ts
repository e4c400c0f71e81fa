/**
 * What a run of a benchmark brought home, kept so that the page can be written again, and so that rounds can be run apart. Pure.
 */
import type { Outcome, Row, Table } from './bench.ts'

/** Of a commit that the tree differs from. */
export const CHANGED = ' with changes'

export interface Result {
  readonly title: string
  readonly outcome: Outcome
  readonly rounds: number
  readonly machine: string
  readonly commit: string
  readonly tookSeconds: number
}

/** The rounds of both. Fails where they cannot stand in one table. */
export function joined(earlier: Result, later: Result): Result {
  for (const what of ['commit', 'machine'] as const)
    if (earlier[what] !== later[what])
      throw new Error(
        `these rounds are of another ${what} than those that are kept (${later[what]}, and ${earlier[what]}): ` +
          'run without --add, which begins anew',
      )
  if (later.commit.endsWith(CHANGED))
    throw new Error(
      'the tree has changes, so nobody knows whether both were of the same: commit them, or run without --add',
    )
  return {
    ...later,
    rounds: earlier.rounds + later.rounds,
    tookSeconds: earlier.tookSeconds + later.tookSeconds,
    outcome: withRounds(earlier.outcome, later.outcome),
  }
}

export function withRounds(earlier: Outcome, later: Outcome): Outcome {
  if (earlier.arrangement !== later.arrangement)
    throw new Error('these rounds were arranged otherwise than those that are kept: run without --add')
  const tables = later.tables.map((table) => ({
    ...table,
    rows: table.rows.map((row) => {
      const before = rowOf(earlier.tables, table, row)
      if (before === undefined)
        throw new Error(
          `the rounds that are kept have no row ${row.label} in ${table.caption}: run without --add`,
        )
      return { ...row, rounds: [...before.rounds, ...row.rounds] }
    }),
  }))
  return { arrangement: later.arrangement, tables }
}

function rowOf(tables: readonly Table[], { caption }: Table, { label }: Row): Row | undefined {
  return tables.find((table) => table.caption === caption)?.rows.find((row) => row.label === label)
}

/** The section of the page under this title, or `undefined`: so that what was not run stays as it was. */
export function sectionOf(page: string, title: string): string | undefined {
  const from = `\n${page}`.indexOf(`\n## ${title}\n`)
  if (from === -1) return undefined
  const next = page.indexOf('\n## ', from + 1)
  return next === -1 ? page.slice(from) : page.slice(from, next + 1)
}
