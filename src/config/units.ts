/**
 * Times and sizes as people write them, and back. Pure.
 */

const MS_OF = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Decimal units (SI) and binary ones (IEC 80000-13) are both allowed, and mean what their names say. */
const BYTES_OF = {
  B: 1,
  kB: 1000,
  KiB: 1024,
  MB: 1000 ** 2,
  MiB: 1024 ** 2,
  GB: 1000 ** 3,
  GiB: 1024 ** 3,
} as const

export const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/
export const SIZE = /^(\d+(?:\.\d+)?)(B|kB|KiB|MB|MiB|GB|GiB)$/
/** Without a unit: milliseconds or bytes. An environment variable knows no other numbers. */
const BARE = /^\d+$/

/** `"45m"`, `"250ms"` or a number of milliseconds -> milliseconds; nothing where it is neither. */
export function durationMs(value: string | number): number | undefined {
  return quantity(value, DURATION, MS_OF)
}

/** `"64KiB"`, `"1MB"` or a number of bytes -> bytes; nothing where it is neither. */
export function sizeBytes(value: string | number): number | undefined {
  return quantity(value, SIZE, BYTES_OF)
}

function quantity(
  value: string | number,
  form: RegExp,
  units: Readonly<Record<string, number>>,
): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined
  if (BARE.test(value)) return Number(value)
  const [, amount, unit] = form.exec(value) ?? []
  const factor = unit === undefined ? undefined : units[unit]
  if (amount === undefined || factor === undefined) return undefined
  const total = Math.round(Number(amount) * factor)
  return Number.isSafeInteger(total) ? total : undefined
}

/** The shortest exact form: `2700000` -> `45m`. */
export function durationText(ms: number): string {
  return textOf(ms, MS_OF, ['d', 'h', 'm', 's', 'ms'])
}

/** The shortest exact form, in binary units where they fit: `65536` -> `64KiB`. */
export function sizeText(bytes: number): string {
  return textOf(bytes, BYTES_OF, ['GiB', 'GB', 'MiB', 'MB', 'KiB', 'kB', 'B'])
}

function textOf<U extends string>(
  total: number,
  units: Readonly<Record<U, number>>,
  largestFirst: readonly U[],
): string {
  const unit = total === 0 ? undefined : largestFirst.find((candidate) => total % units[candidate] === 0)
  return unit === undefined ? String(total) : `${total / units[unit]}${unit}`
}
