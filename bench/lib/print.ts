/** Tables of ratios, for the terminal and for the page. */
import type { Row, Table } from './bench.ts'
import { median, smallest } from './statistics.ts'

const RATIO_HEADINGS = ['ratio', 'ratio of the best rounds'] as const

export interface Shown {
  readonly caption: string
  readonly lines: readonly string[]
}

/** Each table, and each group of tables as one. */
export function shownOf(tables: readonly Table[]): readonly Shown[] {
  return tables.flatMap((table, index): Shown[] => {
    const { caption, group } = table
    if (group === undefined) return [{ caption, lines: tableLines(table) }]
    if (tables[index - 1]?.group === group) return []
    return [{ caption: group, lines: groupLines(tables.filter((one) => one.group === group)) }]
  })
}

/** Lines of a table as Markdown shows it, which a terminal shows well enough. */
export function tableLines({ unit, per, subject = 'server', rows }: Table): string[] {
  const floor = rows[0]
  if (floor === undefined) return ['nothing was measured']
  const headings = [subject, ...RATIO_HEADINGS, `${unit} per ${per}, median`, `${unit} per ${per}, best`]
  const cells = rows.map((row) => [
    named(row),
    ratio(ratioOf(row, rows)),
    ratio(smallest(row.rounds) / smallest(floor.rounds)),
    figure(median(row.rounds)),
    figure(smallest(row.rounds)),
  ])
  return aligned(headings, cells)
}

/** The median and its ratio, for each column. */
function groupLines(tables: readonly Table[]): string[] {
  const [first] = tables
  if (first === undefined) return []
  const headings = tables.flatMap(({ column = '', unit }) => [`${column}, ${unit}`, 'ratio'])
  const cells = first.rows.map((row) => [
    named(row),
    ...tables.flatMap(({ rows }) => {
      const same = rows.find(({ label }) => label === row.label)
      return same === undefined ? ['–', '–'] : [figure(median(same.rounds)), ratio(ratioOf(same, rows))]
    }),
  ])
  return aligned([first.subject ?? 'server', ...headings], cells)
}

function named({ label, note }: Row): string {
  return note === undefined ? label : `${label} (${note})`
}

/** The first column to the left, the others to the right. */
function aligned(headings: readonly string[], cells: readonly (readonly string[])[]): string[] {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...cells.map((line) => (line[column] ?? '').length)),
  )
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text, column) => (column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0))).join(' | ')} |`
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`
  return [line(headings), rule, ...cells.map(line)]
}

/** The median of the rounds' ratios to the first row. */
export function ratioOf(row: Row, rows: readonly Row[]): number {
  return median(ratios(row, rows[0] ?? row))
}

/** Of the same round, because what disturbs a round disturbs both. */
function ratios(row: Row, floor: Row): number[] {
  return row.rounds.map((measured, round) => measured / (floor.rounds[round] ?? Number.NaN))
}

function ratio(value: number): string {
  return `${value.toFixed(2)} ×`
}

function figure(value: number): string {
  if (value >= 100) return value.toFixed(0)
  return value.toPrecision(3)
}
