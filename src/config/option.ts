/**
 * What an option of the configuration is: its schema, and what is said of it in messages and in the documentation.
 *
 * A kind (`integer`, `duration`, `list`…) carries one sentence on what is allowed. Every complaint about an option ends
 * with that sentence, and the documentation shows it, so that the two cannot differ.
 */
import * as z from 'zod'
import { DURATION, durationMs, durationText, SIZE, sizeBytes, sizeText } from './units.ts'

export interface Kind<S extends z.ZodType> {
  readonly schema: S
  /** Completes “allowed: …”. */
  readonly allowed: string
  /** The same for a table, where the forms of times and sizes have been explained. */
  readonly brief?: string
  /** An environment variable or a flag is a text; the schema wants this. */
  readonly fromText: (text: string) => unknown
  /** A value as a person would write it. */
  readonly toText: (value: unknown) => string
}

export interface About {
  readonly doc: string
  readonly allowed: string
  readonly brief: string
  /** As a person would write it; absent where the option is not set by default. */
  readonly initial: string | undefined
  /** The input that stands for an absent option. */
  readonly initialInput: unknown
  readonly env: string | undefined
  /** `credentials`: only the user and the password in a URL are secret. */
  readonly secret: 'whole' | 'credentials' | undefined
  readonly fromText: (text: string) => unknown
  readonly toText: (value: unknown) => string
}

/** Everything known about the options and the sections of the schema, by the schema's own objects. */
export const OPTIONS = z.registry<About>()
export const SECTIONS = z.registry<{ readonly doc: string; readonly each?: Each }>()

/** Of a section with free keys: what stands under each of them. */
export interface Each {
  readonly shape: z.core.$ZodLooseShape
  /** Completes “… is not”. */
  readonly keyIs: string
  /** What is allowed as a key. */
  readonly keyRule: string
  /** For the documentation, before the table of the options. */
  readonly intro: string
}

interface Words {
  readonly doc: string
  readonly env?: string
  readonly secret?: 'whole' | 'credentials'
}

/** An option with a default. */
export function option<S extends z.ZodType>(
  kind: Kind<S>,
  initial: z.input<S>,
  words: Words,
): z.ZodPrefault<S> {
  return described(z.prefault(kind.schema, initial as never), aboutOf(kind, initial, words))
}

/** An option that may be absent, and means something by it. */
export function optional<S extends z.ZodType>(kind: Kind<S>, words: Words): z.ZodExactOptional<S> {
  return described(z.exactOptional(kind.schema), aboutOf(kind, undefined, words))
}

/** An option that must be there. */
export function required<S extends z.ZodType>(kind: Kind<S>, words: Words): z.ZodNonOptional<S> {
  return described(z.nonoptional(kind.schema), aboutOf(kind, undefined, words))
}

/** An option that is taken from another section where it is absent; `initial` stands at the end of that chain. */
export function inherited<S extends z.ZodType>(
  kind: Kind<S>,
  initial: z.input<S>,
  words: Words,
): z.ZodExactOptional<S> {
  return described(z.exactOptional(kind.schema), aboutOf(kind, initial, words))
}

function described<S extends z.ZodType>(schema: S, about: About): S {
  OPTIONS.add(schema, about)
  return schema
}

function aboutOf<S extends z.ZodType>(kind: Kind<S>, initial: unknown, words: Words): About {
  return {
    doc: words.doc,
    allowed: kind.allowed,
    brief: kind.brief ?? kind.allowed,
    initial: initial === undefined ? undefined : kind.toText(initial),
    initialInput: initial,
    env: words.env,
    secret: words.secret,
    fromText: kind.fromText,
    toText: kind.toText,
  }
}

/** A group of options. Absent means empty, so that the defaults apply. */
export function section<T extends z.core.$ZodLooseShape>(doc: string, shape: T) {
  const schema = z.strictObject(shape)
  return z.prefault(schema, {} as never).register(SECTIONS, { doc })
}

/** A group of options that has a meaning by being there. */
export function optionalSection<T extends z.core.$ZodLooseShape>(doc: string, shape: T) {
  return z.exactOptional(z.strictObject(shape)).register(SECTIONS, { doc })
}

/** A group of options under each of some keys that the operator chooses. */
export function optionalSectionByKey<T extends z.core.$ZodLooseShape>(
  doc: string,
  {
    shape,
    fits,
    ...words
  }: Omit<Each, 'shape'> & { readonly shape: T; readonly fits: (key: string) => boolean },
) {
  const each = { ...words, shape }
  const key = z.string().refine(fits)
  return z.exactOptional(z.record(key, z.strictObject(shape))).register(SECTIONS, { doc, each })
}

/**
 * Each schema is 1 kB for as long as the process is there, and options of one kind differ by what they are wrapped in alone: they share it.
 */
function shared<Arguments extends readonly (string | number)[], S>(
  make: (...of: Arguments) => S,
): (...of: Arguments) => S {
  const made = new Map<string, S>()
  return (...of) => {
    const key = of.join(' ')
    const known = made.get(key) ?? make(...of)
    made.set(key, known)
    return known
  }
}

const BOOLEAN = z.boolean()
const TEXT = z.string()
const integerWithin = shared((min: number, max: number) => z.int().min(min).max(max))
const numberWithin = shared((min: number, max: number) => z.number().min(min).max(max))

const asIs = (value: string): unknown => value

function plainText(value: unknown): string {
  return Array.isArray(value) ? (value.length === 0 ? 'none' : value.join(',')) : String(value)
}

export function text(allowed: string, fits: (value: string) => boolean = (value) => value !== '') {
  return { schema: z.string().refine(fits), allowed, fromText: asIs, toText: plainText }
}

export function oneOf<const T extends readonly [string, ...string[]]>(names: T) {
  const allowed =
    names.length === 1 ? names[0] : `${names.slice(0, -1).join(', ')} or ${names[names.length - 1]}`
  return { schema: z.enum(names), allowed, fromText: asIs, toText: plainText }
}

export function flag() {
  return { schema: BOOLEAN, allowed: 'true or false', fromText: booleanOf, toText: plainText }
}

export function flagOrAuto() {
  return {
    schema: z.union([z.boolean(), z.literal('auto')]),
    allowed: 'true, false or auto',
    fromText: booleanOf,
    toText: plainText,
  }
}

function booleanOf(value: string): unknown {
  return value === 'true' ? true : value === 'false' ? false : value
}

interface Range {
  readonly min: number
  readonly max: number
}

export function integer({ min, max }: Range) {
  return {
    schema: integerWithin(min, max),
    brief: `from ${min} to ${max}`,
    allowed: `a whole number from ${min} to ${max}`,
    fromText: (value: string): unknown => (/^\d+$/.test(value) ? Number(value) : value),
    toText: plainText,
  }
}

/** A part of a whole. */
export function fraction({ min, max }: Range) {
  return {
    schema: numberWithin(min, max),
    brief: `from ${min} to ${max}`,
    allowed: `a part of 1, from ${min} to ${max}`,
    fromText: (value: string): unknown => (/^\d*\.?\d+$/.test(value) ? Number(value) : value),
    toText: plainText,
  }
}

/** In: a whole number, or a time (RFC 3339). Out: the number; of a time its milliseconds since 1970. */
export function generation() {
  return {
    schema: z.union([z.int().min(0), z.string()]).transform((value, context) => {
      const number = typeof value === 'number' ? value : generationOf(value)
      if (number !== undefined) return number
      context.addIssue({ code: 'custom', message: 'neither' })
      return z.NEVER
    }),
    brief: 'a whole number or a time',
    allowed: 'a whole number such as 42, or a time such as 2026-03-01T12:00:00Z',
    fromText: asIs,
    toText: plainText,
  }
}

function generationOf(value: string): number | undefined {
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(value)
  const number = isTime ? new Date(value).getTime() : /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
  return Number.isSafeInteger(number) && number >= 0 ? number : undefined
}

const BYTES_MAX = 2 ** 40

/** In: text or milliseconds. Out: milliseconds. */
export function duration(min: string, max: string) {
  return {
    schema: durationWithin(durationMs(min) as number, durationMs(max) as number),
    brief: `from ${min} to ${max}`,
    allowed: `a time from ${min} to ${max}, such as 250ms, 10s, 45m, 2h or 1d, or a number of milliseconds`,
    fromText: asIs,
    toText: (value: unknown) => (typeof value === 'number' ? durationText(value) : String(value)),
  }
}

/** In: text or bytes. Out: bytes. */
export function size(min: string, max: string = sizeText(BYTES_MAX)) {
  return {
    schema: sizeWithin(sizeBytes(min) as number, sizeBytes(max) as number),
    brief: `from ${min} to ${max}`,
    allowed: `a size from ${min} to ${max}, such as 64KiB, 64kB or 1MB, or a number of bytes`,
    fromText: asIs,
    toText: (value: unknown) => (typeof value === 'number' ? sizeText(value) : String(value)),
  }
}

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined
}

function numberOr(form: RegExp) {
  const bare = /^\d+$/
  return z.union([z.int().min(0), z.string().regex(new RegExp(`${form.source}|${bare.source}`))])
}

const WRITTEN_DURATION = numberOr(DURATION)
const WRITTEN_SIZE = numberOr(SIZE)
const WRITTEN_LIST = z.union([z.array(TEXT), TEXT])

const durationWithin = shared((minMs: number, maxMs: number) =>
  measured(WRITTEN_DURATION, (value) => within(durationMs(value), minMs, maxMs)),
)
const sizeWithin = shared((minBytes: number, maxBytes: number) =>
  measured(WRITTEN_SIZE, (value) => within(sizeBytes(value), minBytes, maxBytes)),
)

function measured(
  written: ReturnType<typeof numberOr>,
  read: (value: string | number) => number | undefined,
) {
  return written.transform((value, context) => {
    const number = read(value)
    if (number !== undefined) return number
    context.addIssue({ code: 'custom', message: 'out of range' })
    return z.NEVER
  })
}

/** In: a list, or one text with commas, as in an environment variable. Out: a list. */
export function list(allowed: string, fits: (item: string) => boolean) {
  return {
    schema: WRITTEN_LIST.transform((value, context) => {
      const items = typeof value === 'string' ? splitList(value) : value
      for (const [index, item] of items.entries()) {
        if (fits(item)) continue
        context.addIssue({ code: 'custom', message: 'wrong item', path: [index], params: { item } })
        return z.NEVER
      }
      return items
    }),
    allowed,
    fromText: asIs,
    toText: plainText,
  }
}

function splitList(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
