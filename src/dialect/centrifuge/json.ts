/**
 * JSON by the table of fields. A `bytes` field is a JSON value of its own: it is cut out of the text as it came and put back as it
 * is, never parsed and printed again.
 */
import { DecodeFault } from './decode-fault.ts'
import { isDefault, type Field, type Scalar, type Shape } from './fields.ts'
import { isObject } from '../../protocol/json.ts'
import { rawMember } from '../../protocol/raw-json.ts'

type Fields = Record<string, unknown>

const UINT32_MAX = 0xffff_ffff
const INT32_MAX = 0x7fff_ffff

/** `text` is what `parsed` was parsed from. Fails with a `DecodeFault`. */
export function readJson(shape: Shape, parsed: Readonly<Fields>, text: string): Fields {
  const found: Fields = {}
  for (const name of Object.keys(parsed)) {
    const field = shape.byName.get(name)
    const value = parsed[name]
    // Nothing is as good as absent.
    if (field === undefined || value === null) continue
    found[name] = readField(field, value, text)
  }
  return found
}

function readField(field: Field, value: unknown, text: string): unknown {
  const { many, name, type } = field
  if (many === 'map') return readMap(field, object(name, value))
  if (typeof type === 'object') return readJson(type, object(name, value), rawMember(text, name) as string)
  if (type === 'bytes') return Buffer.from(rawMember(text, name) as string)
  return type === 'written' ? undefined : scalar(name, type, value)
}

/** Nothing in the entries of a map is cut out of the text. */
function readMap({ name, type }: Field, value: Readonly<Fields>): Map<string, unknown> {
  const found = new Map<string, unknown>()
  for (const [key, one] of Object.entries(value))
    found.set(
      key,
      typeof type === 'object' ? readJson(type, object(name, one), '') : scalar(name, 'string', one),
    )
  return found
}

function object(name: string, value: unknown): Readonly<Fields> {
  if (!isObject(value)) throw new DecodeFault(`${name} must be an object`)
  return value
}

function scalar(name: string, type: Exclude<Scalar, 'bytes'>, value: unknown): unknown {
  const good = GOOD[type]
  if (!good.is(value)) throw new DecodeFault(`${name} must be ${good.name}`)
  return value
}

interface Kind {
  readonly name: string
  is(value: unknown): boolean
}

function whole(min: number, max: number): Kind {
  return {
    name: `a whole number from ${min} to ${max}`,
    is: (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
  }
}

const GOOD: Record<Exclude<Scalar, 'bytes'>, Kind> = {
  string: { name: 'a string', is: (value) => typeof value === 'string' },
  bool: { name: 'true or false', is: (value) => typeof value === 'boolean' },
  uint32: whole(0, UINT32_MAX),
  int32: whole(-INT32_MAX - 1, INT32_MAX),
  uint64: whole(0, Number.MAX_SAFE_INTEGER),
  int64: whole(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
}

/** Pieces of one text, in order. Text and bytes, so that what is written down already is not read to be written again. */
export class JsonPieces {
  readonly #pieces: Uint8Array[] = []
  #text = ''

  /** Most messages have no bytes in them. */
  finish(): string | Buffer {
    if (this.#pieces.length === 0) return this.#text
    this.#flush()
    return Buffer.concat(this.#pieces)
  }

  /** What has its default value is left out, with few exceptions. */
  message(shape: Shape, values: object): void {
    let separator = '{'
    for (const field of shape.fields) {
      const value = (values as Fields)[field.name]
      if (value === undefined || (!field.always && isDefault(field, value))) continue
      this.text(`${separator}"${field.name}":`)
      separator = ','
      this.#field(field, value)
    }
    this.text(separator === '{' ? '{}' : '}')
  }

  text(text: string): void {
    this.#text += text
  }

  raw(bytes: Uint8Array): void {
    this.#flush()
    this.#pieces.push(bytes)
  }

  #field({ many, type }: Field, value: unknown): void {
    if (many === 'map') this.#map(type, value as ReadonlyMap<string, unknown>)
    else if (many === 'list') this.#list(value as readonly Uint8Array[])
    else this.#value(type, value)
  }

  #map(type: Field['type'], entries: ReadonlyMap<string, unknown>): void {
    let separator = '{'
    for (const [key, value] of entries) {
      this.text(`${separator}${JSON.stringify(key)}:`)
      separator = ','
      this.#value(type, value)
    }
    this.text(separator === '{' ? '{}' : '}')
  }

  #list(written: readonly Uint8Array[]): void {
    let separator = '['
    for (const one of written) {
      this.text(separator)
      separator = ','
      this.raw(one)
    }
    this.text(separator === '[' ? '[]' : ']')
  }

  #value(type: Field['type'], value: unknown): void {
    if (typeof type === 'object') this.message(type, value as object)
    else if (type === 'bytes' || type === 'written') this.raw(value as Uint8Array)
    else this.text(JSON.stringify(value))
  }

  #flush(): void {
    if (this.#text === '') return
    this.#pieces.push(Buffer.from(this.#text))
    this.#text = ''
  }
}
