export interface Column {
  readonly title: string
  /** Numbers stand on the right. */
  readonly right?: true
}

/** Columns as wide as what is in them, two blanks apart, nothing at the end of a line. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => (row[index] ?? '').length)),
  )
  return [columns.map(({ title }) => title), ...rows].map((row) =>
    row
      .map((text, index) =>
        columns[index]?.right === true
          ? text.padStart(widths[index] as number)
          : text.padEnd(widths[index] as number),
      )
      .join('  ')
      .trimEnd(),
  )
}
