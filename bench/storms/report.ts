/** What a storm is told, and how it tells what it found. */

export interface StormOptions {
  /** Absent: as many as the storm is about. */
  readonly clients: number | undefined
  /** In a second. */
  readonly publishes: number
  readonly nodes: number
}

export function printTable(rows: readonly (readonly [name: string, value: string])[]): void {
  const width = Math.max(...rows.map(([name]) => name.length))
  for (const [name, value] of rows) console.log(`${name.padEnd(width)}  ${value}`)
}

/** `12 / 80 / 95 / 110 ms of 1000`; `none` where there is nothing. */
export function percentiles(values: readonly number[]): string {
  if (values.length === 0) return 'none'
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): string =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number).toString()
  return `${at(0.5)} / ${at(0.95)} / ${at(0.99)} / ${at(1)} ms of ${values.length}`
}
