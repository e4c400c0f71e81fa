/**
 * Protobuf (proto3) by the table of fields. Reading: unknown bytes -> a message, or a `DecodeFault`; nothing nests deeper than the
 * table does, and no length is believed before the bytes are there.
 *
 * Writing goes backwards, from the last field to the first: the length of a message is known when its head is written, so
 * nothing is measured first or moved later.
 */
import { isUtf8 } from 'node:buffer'
import { DecodeFault } from './decode-fault.ts'
import { isDefault, type Field, type Scalar, type Shape } from './fields.ts'

const VARINT = 0
const FIXED64 = 1
const LENGTH_DELIMITED = 2
const FIXED32 = 5

const TWO_32 = 0x1_0000_0000

type Fields = Record<string, unknown>

export class Reader {
  readonly #bytes: Buffer
  #at: number
  readonly #end: number
  /** The 64 bits of the last varint. */
  #low = 0
  #high = 0

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#at = at
    this.#end = end
  }

  get done(): boolean {
    return this.#at >= this.#end
  }

  /** The part that a length in front of it delimits. */
  part(): Reader {
    const length = this.length()
    const from = this.#at
    this.#at += length
    return new Reader(this.#bytes, from, this.#at)
  }

  message(shape: Shape): Fields {
    const found: Fields = {}
    while (!this.done) {
      const tag = this.#tag()
      const field = shape.byNumber[tag >>> 3]
      if (field === undefined) this.#skip(tag)
      else this.#field(found, field, tag & 7)
    }
    return found
  }

  length(): number {
    this.#varint()
    const left = this.#end - this.#at
    if (this.#high !== 0 || this.#low > left)
      throw new DecodeFault(`a length of ${this.#unsigned()} is more than the ${left} bytes that follow it`)
    return this.#low
  }

  #field(found: Fields, field: Field, wireType: number): void {
    const { name, type } = field
    if (field.many === 'map') {
      this.#expect(field, wireType, LENGTH_DELIMITED)
      const entries = (found[name] ??= new Map()) as Map<string, unknown>
      const [key, value] = this.part().#entry(field)
      entries.set(key, value)
    } else if (typeof type === 'object') {
      this.#expect(field, wireType, LENGTH_DELIMITED)
      found[name] = this.part().message(type)
    } else if (type !== 'written') {
      this.#expect(field, wireType, type === 'string' || type === 'bytes' ? LENGTH_DELIMITED : VARINT)
      found[name] = this.#scalar(field, type)
    }
  }

  /** A map is a list of messages with a key and a value. */
  #entry(field: Field): [key: string, value: unknown] {
    const { type } = field
    let key = ''
    let value: unknown = typeof type === 'object' ? {} : ''
    while (!this.done) {
      const tag = this.#tag()
      const number = tag >>> 3
      if (number !== 1 && number !== 2) {
        this.#skip(tag)
        continue
      }
      this.#expect(field, tag & 7, LENGTH_DELIMITED)
      if (number === 1) key = this.#text(field)
      else value = typeof type === 'object' ? this.part().message(type) : this.#text(field)
    }
    return [key, value]
  }

  #scalar(field: Field, type: Scalar): unknown {
    switch (type) {
      case 'string':
        return this.#text(field)
      case 'bytes': {
        const length = this.length()
        this.#at += length
        return this.#bytes.subarray(this.#at - length, this.#at)
      }
      case 'bool':
        this.#varint()
        return this.#low !== 0 || this.#high !== 0
      case 'uint32':
        return this.#uint32()
      case 'int32':
        this.#varint()
        return this.#low | 0
      case 'uint64':
        this.#varint()
        return checked(field, this.#unsigned())
      case 'int64':
        this.#varint()
        return checked(field, (this.#high | 0) * TWO_32 + this.#low)
    }
  }

  #text(field: Field): string {
    const length = this.length()
    const from = this.#at
    this.#at += length
    if (!isUtf8(this.#bytes.subarray(from, this.#at))) throw new DecodeFault(`${field.name} is not UTF-8`)
    return this.#bytes.toString('utf8', from, this.#at)
  }

  #expect({ name }: Field, wireType: number, expected: number): void {
    if (wireType !== expected) throw new DecodeFault(`${name} has wire type ${wireType}, not ${expected}`)
  }

  #tag(): number {
    const tag = this.#uint32()
    if (tag >>> 3 === 0) throw new DecodeFault('a field has the number 0, which is none')
    return tag
  }

  #uint32(): number {
    this.#varint()
    return this.#low
  }

  #unsigned(): number {
    return this.#high * TWO_32 + this.#low
  }

  /** At most ten bytes, of which the last has one bit (protobuf.dev, "Base 128 Varints"). */
  #varint(): void {
    let low = 0
    let high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.done) throw new DecodeFault('the bytes end within a number')
      const byte = this.#bytes[this.#at++] as number
      const bits = byte & 0x7f
      if (shift < 28) low |= bits << shift
      else if (shift === 28) {
        low |= bits << 28
        high = bits >>> 4
      } else high |= bits << (shift - 32)
      if (byte < 0x80) {
        this.#low = low >>> 0
        this.#high = high >>> 0
        return
      }
    }
    throw new DecodeFault('a number is longer than 10 bytes')
  }

  #skip(tag: number): void {
    const wireType = tag & 7
    if (wireType === VARINT) this.#varint()
    else if (wireType === LENGTH_DELIMITED) this.#pass(this.length())
    else if (wireType === FIXED64) this.#pass(8)
    else if (wireType === FIXED32) this.#pass(4)
    else throw new DecodeFault(`field ${tag >>> 3} has wire type ${wireType}, which is none of proto3`)
  }

  #pass(bytes: number): void {
    if (this.#end - this.#at < bytes) throw new DecodeFault('the bytes end within a number')
    this.#at += bytes
  }
}

function checked({ name }: Field, value: number): number {
  if (!Number.isSafeInteger(value)) throw new DecodeFault(`${name} is beyond 2^53`)
  return value
}

/** Bytes from the end to the beginning. */
export class Writer {
  #bytes: Buffer
  #at: number

  constructor(expectedBytes = 256) {
    this.#bytes = Buffer.allocUnsafe(expectedBytes)
    this.#at = expectedBytes
  }

  /** How much was written so far. */
  get length(): number {
    return this.#bytes.length - this.#at
  }

  /** Room that was taken for more than was written. */
  get surplus(): number {
    return this.#at
  }

  finish(): Buffer {
    return this.#bytes.subarray(this.#at)
  }

  /** What has the default value of proto3 is left out. */
  message(shape: Shape, values: object): void {
    for (let index = shape.fields.length - 1; index >= 0; index--) {
      const field = shape.fields[index] as Field
      const value = (values as Fields)[field.name]
      if (!isDefault(field, value)) this.#field(field, value)
    }
  }

  /** The head of what was written since there were so many bytes: its length, and the number of its field. */
  delimit(lengthBefore: number, fieldNumber?: number): void {
    this.varint(this.length - lengthBefore)
    if (fieldNumber !== undefined) this.varint((fieldNumber << 3) | LENGTH_DELIMITED)
  }

  varint(value: number): void {
    if (value < 0) {
      this.#negative(value)
      return
    }
    let rest = value
    let length = 1
    while (rest >= 0x80) {
      rest = Math.floor(rest / 0x80)
      length++
    }
    this.#room(length)
    this.#at -= length
    rest = value
    let at = this.#at
    while (rest >= 0x80) {
      this.#bytes[at++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#bytes[at] = rest
  }

  number(fieldNumber: number, value: number): void {
    this.varint(value)
    this.varint((fieldNumber << 3) | VARINT)
  }

  bytes(fieldNumber: number, bytes: Uint8Array): void {
    const before = this.length
    this.raw(bytes)
    this.delimit(before, fieldNumber)
  }

  text(fieldNumber: number, text: string): void {
    if (text === '') return
    const before = this.length
    this.#text(text)
    this.delimit(before, fieldNumber)
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#at -= bytes.length
    this.#bytes.set(bytes, this.#at)
  }

  #field({ many, number, type }: Field, value: unknown): void {
    if (many === 'map') {
      for (const [key, one] of [...(value as ReadonlyMap<string, unknown>)].toReversed()) {
        const before = this.length
        this.#one(2, type, one)
        this.#one(1, 'string', key)
        this.delimit(before, number)
      }
    } else if (many === 'list') {
      for (const one of (value as readonly unknown[]).toReversed()) this.#one(number, type, one)
    } else this.#one(number, type, value)
  }

  #one(number: number, type: Field['type'], value: unknown): void {
    const before = this.length
    if (typeof type === 'object') this.message(type, value as object)
    else if (type === 'written' || type === 'bytes') this.raw(value as Uint8Array)
    else if (type === 'string') this.#text(value as string)
    else {
      this.varint(Number(value))
      this.varint((number << 3) | VARINT)
      return
    }
    this.delimit(before, number)
  }

  #text(text: string): void {
    const length = Buffer.byteLength(text)
    this.#room(length)
    this.#at -= length
    this.#bytes.write(text, this.#at, length, 'utf8')
  }

  /** The two's complement in 64 bits: ten bytes. */
  #negative(value: number): void {
    let rest = BigInt.asUintN(64, BigInt(value))
    const bytes = new Uint8Array(10)
    for (let index = 0; index < 10; index++) {
      bytes[index] = Number(rest & 0x7fn) | (index < 9 ? 0x80 : 0)
      rest >>= 7n
    }
    this.raw(bytes)
  }

  #room(bytes: number): void {
    if (this.#at >= bytes) return
    const { length } = this
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, length + bytes))
    grown.set(this.#bytes.subarray(this.#at), grown.length - length)
    this.#at = grown.length - length
    this.#bytes = grown
  }
}
