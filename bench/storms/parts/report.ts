/** What a storm is told, and how it tells what it found. */

export interface StormOptions {
  /** Absent, as everything here: what the storm is about. */
  readonly clients: number | undefined
  /** In a second. */
  readonly publishes: number | undefined
  readonly nodes: number | undefined
  /** Of each drain. */
  readonly plan: string | undefined
  /** The program of an older build, which nodes of the old version run. */
  readonly old: string | undefined
}

export type Rows = readonly (readonly [name: string, value: string])[]

export function printTable(rows: Rows): void {
  const width = Math.max(...rows.map(([name]) => name.length))
  for (const [name, value] of rows) console.log(`${name.padEnd(width)}  ${value}`)
}

/** `12 / 80 / 95 / 110 ms of 1000`; `none` where there is nothing. */
export function percentiles(values: readonly number[]): string {
  if (values.length === 0) return 'none'
  const at = (share: number): string => Math.round(percentile(values, share)).toString()
  return `${at(0.5)} / ${at(0.95)} / ${at(0.99)} / ${at(1)} ms of ${values.length}`
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

/** What a storm holds the gateway to. Each says what was found where it is broken. */
export class Promises {
  readonly #broken: string[] = []

  keep(promise: string, kept: boolean, found: string): void {
    if (!kept) this.#broken.push(`${promise}: ${found}`)
  }

  none(what: string, count: number): void {
    this.keep(`no ${what}`, count === 0, String(count))
  }

  /** Prints those that were broken; answers whether there were none. */
  verdict(): boolean {
    for (const one of this.#broken) console.log(`BROKEN  ${one}`)
    if (this.#broken.length === 0) console.log('every promise was kept')
    return this.#broken.length === 0
  }
}
