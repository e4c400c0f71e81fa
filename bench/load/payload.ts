/** The data of every message: 128 bytes of JSON text that end with a mark and the message's number. */

const PAYLOAD_BYTES = 128
export const NUMBER_DIGITS = 8
/** Found nowhere else in what a server sends, so that a stream can be searched for it. */
export const MARK = 0x7c
const ZERO = 0x30
const PADDING = 'x'.repeat(PAYLOAD_BYTES - NUMBER_DIGITS - '"|"'.length)

export function payload(number: number): string {
  return `"${PADDING}|${String(number).padStart(NUMBER_DIGITS, '0')}"`
}

/** The number whose first digit is at `start`. */
export function numberAt(bytes: Buffer, start: number): number {
  let number = 0
  for (let i = start; i < start + NUMBER_DIGITS; i++) number = number * 10 + ((bytes[i] as number) - ZERO)
  return number
}
