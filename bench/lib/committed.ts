/**
 * The ratios that docs/benchmarks.md promises, and whether a run keeps them. Microseconds are another machine's; ratios are not. Pure.
 */
import type { Outcome } from './bench.ts'
import { ratioOf } from './print.ts'

/**
 * A ratio that is worse by more than this is no noise. Rounds of one run differ by up to an eighth on a machine that has other work,
 * medians of five by less; so what is found here is found again.
 */
export const TOLERANCE = 0.25

/** By title, caption and row, as the page has them. */
export type Committed = ReadonlyMap<string, number>

export interface Kept {
  readonly what: string
  /** `undefined`: the page has no such row. Nothing is promised then, and nobody knows: that is not good either. */
  readonly committed: number | undefined
  readonly measured: number
  readonly good: boolean
}

const SECTION = /^## (.+)$/
const CAPTION = /^\*\*(.+)\*\*$/
const ROW = /^\|\s*(.+?)\s*\|\s*([\d.]+) ×\s*\|/

export function committedIn(page: string): Committed {
  const committed = new Map<string, number>()
  let title = ''
  let caption = ''
  for (const line of page.split('\n')) {
    title = SECTION.exec(line)?.[1] ?? title
    caption = CAPTION.exec(line)?.[1] ?? caption
    const [, label, ratio] = ROW.exec(line) ?? []
    if (label !== undefined && ratio !== undefined)
      committed.set(nameOf(title, caption, label), Number(ratio))
  }
  return committed
}

/** Every row but the first, with which it is compared. */
export function compare(
  title: string,
  { tables }: Outcome,
  committed: Committed,
  tolerance = TOLERANCE,
): Kept[] {
  const compared = tables.filter(({ aside }) => aside !== true)
  return compared.flatMap(({ caption, rows }) =>
    rows.slice(1).map((row) => {
      const what = nameOf(title, caption, row.label)
      const promised = committed.get(what)
      const measured = ratioOf(row, rows)
      const good = promised !== undefined && measured <= promised * (1 + tolerance)
      return { what, committed: promised, measured, good }
    }),
  )
}

function nameOf(title: string, caption: string, label: string): string {
  return `${title}, ${caption}: ${label}`
}
