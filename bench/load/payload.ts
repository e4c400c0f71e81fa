/** The data of every message: JSON text that ends with a mark and the message's number. */

export const NUMBER_DIGITS = 8
/** Found nowhere else in what a server sends, so that a stream can be searched for it. */
export const MARK = 0x7c
const ZERO = 0x30

/**
 * `text`: one string of 128 bytes. `sameBytes`: as long as a message of Sluice that carries that one. `sameStream`: the same of an event stream.
 * `json`: 4 kB of small objects, of which most is quotation marks, colons and numbers. `large`: one string of 16,000 bytes.
 */
export type PayloadKind = 'text' | 'sameBytes' | 'sameStream' | 'json' | 'large'

interface Shape {
  readonly head: string
  /** After the number. */
  readonly tail: string
}

const TEXT_BYTES = 128
const LARGE_BYTES = 16_000
/** `{"type":"message","channel":…,"data":…,"offset":…,"ts":…}` around what raw uWebSockets.js sends alone, in these benchmarks. */
const ENVELOPE_BYTES = 82
/** The same of an event, with its cursor: 335 bytes where raw uWebSockets.js sends 159, with numbers of three digits in both. */
const EVENT_BYTES = 176
const JSON_ROWS = 40

const SHAPES: Readonly<Record<PayloadKind, Shape>> = {
  text: textOf(TEXT_BYTES),
  sameBytes: textOf(TEXT_BYTES + ENVELOPE_BYTES),
  sameStream: textOf(TEXT_BYTES + EVENT_BYTES),
  json: { head: `[${Array.from({ length: JSON_ROWS }, (_, row) => rowOf(row)).join('')}"|`, tail: '"]' },
  large: textOf(LARGE_BYTES),
}

function textOf(bytes: number): Shape {
  return { head: `"${'x'.repeat(bytes - NUMBER_DIGITS - '"|"'.length)}|`, tail: '"' }
}

function rowOf(row: number): string {
  return `{"id":${row},"symbol":"S${row}","bid":${row * 1.25},"ask":${row * 1.5},"open":true,"tags":["a","b",${row}],"at":{"y":2026,"d":${row}}},`
}

export function payload(number: number, kind: PayloadKind = 'text'): string {
  const { head, tail } = SHAPES[kind]
  return `${head}${String(number).padStart(NUMBER_DIGITS, '0')}${tail}`
}

/** How many bytes follow the number. */
export function tailBytes(kind: PayloadKind): number {
  return SHAPES[kind].tail.length
}

/** The number whose first digit is at `start`. */
export function numberAt(bytes: Buffer, start: number): number {
  let number = 0
  for (let i = start; i < start + NUMBER_DIGITS; i++) number = number * 10 + ((bytes[i] as number) - ZERO)
  return number
}
