/**
 * A command as Redis reads it (RESP): an array of bulk strings. In one piece of memory and one pass, where the client gathers a piece for
 * each argument and another for each of its lengths: an append of one turn has hundreds of arguments.
 */

const ZERO = 0x30
const ARRAY = 0x2a
const BULK = 0x24
const CARRIAGE_RETURN = 0x0d
const LINE_FEED = 0x0a
/** The letter, and the end of the line. */
const LINE_BYTES = 3
const END_BYTES = 2

export function commandBytes(name: string, args: readonly (string | Uint8Array)[]): Buffer {
  let size = LINE_BYTES + digitsOf(args.length + 1) + bulkBytes(Buffer.byteLength(name))
  for (const arg of args) size += bulkBytes(typeof arg === 'string' ? Buffer.byteLength(arg) : arg.length)
  const bytes = Buffer.allocUnsafe(size)
  let at = writeBulk(bytes, writeLine(bytes, 0, ARRAY, args.length + 1), name)
  for (const arg of args) at = writeBulk(bytes, at, arg)
  return bytes
}

function bulkBytes(length: number): number {
  return LINE_BYTES + digitsOf(length) + length + END_BYTES
}

function writeBulk(bytes: Buffer, from: number, arg: string | Uint8Array): number {
  const length = typeof arg === 'string' ? Buffer.byteLength(arg) : arg.length
  const at = writeLine(bytes, from, BULK, length)
  if (typeof arg === 'string') bytes.write(arg, at)
  else bytes.set(arg, at)
  return writeEnd(bytes, at + length)
}

function writeLine(bytes: Buffer, at: number, letter: number, number: number): number {
  bytes[at] = letter
  const end = at + 1 + digitsOf(number)
  for (let place = end - 1, left = number; place > at; place--, left = Math.floor(left / 10))
    bytes[place] = ZERO + (left % 10)
  return writeEnd(bytes, end)
}

function writeEnd(bytes: Buffer, at: number): number {
  bytes[at] = CARRIAGE_RETURN
  bytes[at + 1] = LINE_FEED
  return at + END_BYTES
}

function digitsOf(number: number): number {
  let digits = 1
  for (let left = number; left >= 10; left = Math.floor(left / 10)) digits++
  return digits
}
