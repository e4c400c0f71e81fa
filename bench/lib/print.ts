/** Tables of ratios, for the terminal and for the page. */
import type { Row, Table } from './bench.ts'
import { median, smallest } from './statistics.ts'

const RATIO_HEADINGS = ['ratio', 'ratio of the best rounds'] as const

/** Lines of a table as Markdown shows it, which a terminal shows well enough. */
export function tableLines({ unit, per, subject = 'server', rows }: Table): string[] {
  const floor = rows[0]
  if (floor === undefined) return ['nothing was measured']
  const headings = [subject, ...RATIO_HEADINGS, `${unit} per ${per}, median`, `${unit} per ${per}, best`]
  const cells = rows.map((row) => [
    row.label,
    ratio(ratioOf(row, rows)),
    ratio(smallest(row.rounds) / smallest(floor.rounds)),
    figure(median(row.rounds)),
    figure(smallest(row.rounds)),
  ])
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
