/**
 * A command as Redis reads it (RESP): an array of bulk strings. In one piece of memory and one pass, where the client gathers a piece for
 * each argument and another for each of its lengths: an append of one turn has hundreds of arguments.
 */
import { writeLetters } from '../protocol/letters.ts'

const ZERO = 0x30
const ARRAY = 0x2a
const BULK = 0x24
const CARRIAGE_RETURN = 0x0d
const LINE_FEED = 0x0a
/** The letter, and the end of the line. */
const LINE_BYTES = 3
const END_BYTES = 2

/** Of a letter, as UTF-8. */
const LETTER_BYTES_MAX = 3

/** How many arguments a piece of memory is that `ArgumentsWriter` has filled. */
const COUNT = Symbol('arguments')

type Argument = string | (Uint8Array & { readonly [COUNT]?: number })

/**
 * Arguments that are written where they go: as many as are wanted, which the client takes for one and neither looks at nor copies one by
 * one. Where the client has to know the keys of a command, they cannot be among them.
 */
export class ArgumentsWriter {
  #bytes: Buffer
  #at = 0
  #count = 0

  /** `size`: what they will take, more or less. */
  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size)
  }

  text(word: string): void {
    this.#grow(argumentBytes(word.length * LETTER_BYTES_MAX))
    this.#at = writeBulk(this.#bytes, this.#at, word)
    this.#count++
  }

  /** Of so many bytes, which `write` writes from `at` on. */
  written<Value>(
    length: number,
    value: Value,
    write: (into: Buffer, at: number, value: Value) => unknown,
  ): void {
    this.#grow(argumentBytes(length))
    const at = writeLine(this.#bytes, this.#at, BULK, length)
    write(this.#bytes, at, value)
    this.#at = writeEnd(this.#bytes, at + length)
    this.#count++
  }

  /** Once all are written. */
  arguments(): Buffer {
    return Object.assign(this.#bytes.subarray(0, this.#at), { [COUNT]: this.#count })
  }

  #grow(by: number): void {
    const needed = this.#at + by
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(needed * 2)
    larger.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = larger
  }
}

export function commandBytes(name: string, args: readonly Argument[]): Buffer {
  let size = argumentBytes(Buffer.byteLength(name))
  let count = 1
  for (const arg of args) {
    const written = writtenIn(arg)
    count += written ?? 1
    if (written !== undefined) size += arg.length
    else size += argumentBytes(typeof arg === 'string' ? Buffer.byteLength(arg) : arg.length)
  }
  size += LINE_BYTES + digitsOf(count)
  const bytes = Buffer.allocUnsafe(size)
  let at = writeBulk(bytes, writeLine(bytes, 0, ARRAY, count), name)
  for (const arg of args) {
    if (writtenIn(arg) === undefined) at = writeBulk(bytes, at, arg)
    else {
      bytes.set(arg as Uint8Array, at)
      at += arg.length
    }
  }
  return bytes
}

function writtenIn(arg: Argument): number | undefined {
  return typeof arg === 'string' ? undefined : arg[COUNT]
}

/** What an argument of this length takes in a command. */
function argumentBytes(length: number): number {
  return LINE_BYTES + digitsOf(length) + length + END_BYTES
}

function writeBulk(bytes: Buffer, from: number, arg: string | Uint8Array): number {
  if (typeof arg === 'string') {
    const end = writeLetters(bytes, writeLine(bytes, from, BULK, arg.length), arg)
    if (end !== undefined) return writeEnd(bytes, end)
  }
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
