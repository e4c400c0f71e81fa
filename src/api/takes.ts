/**
 * What an operation takes, in its body or its query: one schema is its reader, its type, and its part of the description of the API.
 *
 * A schema is made when it is first used: most nodes are never asked for most operations, and it takes some kilobytes.
 */
import * as z from 'zod'
import { readObject } from './read-object.ts'
import type { ApiRequest } from './route.ts'
import { durationMs } from '../config/units.ts'
import { SluiceError } from '../errors.ts'

/** What whoever gave something else is told: it follows the name of the field. */
const RULES = z.registry<{ readonly rule: string }>()

export function field<S extends z.ZodType>(schema: S, rule: string, description?: string): S {
  RULES.add(schema, { rule })
  if (description !== undefined) z.globalRegistry.add(schema, { description })
  return schema
}

/** One that may be left out. */
export function maybe<S extends z.ZodType>(
  schema: S,
  rule: string,
  description?: string,
): z.ZodExactOptional<S> {
  return field(z.exactOptional(schema), rule, description)
}

/** In: a text. Out: milliseconds. */
export function time(text: z.ZodString, minMs: number, maxMs = Number.MAX_SAFE_INTEGER) {
  return text.transform((value, context) => {
    const ms = durationMs(value)
    if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms
    context.addIssue({ code: 'custom', message: 'no such time' })
    return z.NEVER
  })
}

/** A whole number in a query. */
export function count(max: number) {
  const read = (text: unknown): unknown =>
    typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : text
  return z.preprocess(read, z.int().min(1).max(max))
}

abstract class Taken<S extends z.ZodObject> {
  readonly #make: () => S
  #schema: S | undefined

  constructor(make: () => S) {
    this.#make = make
  }

  get schema(): S {
    return (this.#schema ??= this.#make())
  }

  protected parse(given: object): z.output<S> {
    const { schema } = this
    const { success, data, error } = schema.safeParse(given)
    if (success) return data
    const name = String(error.issues[0]?.path[0])
    throw new SluiceError('bad_request', `${name} ${RULES.get(schema.shape[name] as z.ZodType)?.rule}`)
  }
}

/** A JSON object. */
export class Body<S extends z.ZodObject> extends Taken<S> {
  readonly #example: string

  constructor(example: string, make: () => S) {
    super(make)
    this.#example = example
  }

  /** Fails with `bad_request`. */
  async read(request: ApiRequest): Promise<z.output<S>> {
    return this.readText(await request.body(), request.jsonDepthMax)
  }

  /** The same of a body that is there. */
  readText(text: string, jsonDepthMax: number): z.output<S> {
    return this.parse(readObject(text, jsonDepthMax, Object.keys(this.schema.shape), this.#example))
  }
}

/** Of one that stands there twice, the first counts; what is not known does not matter. */
export class Query<S extends z.ZodObject> extends Taken<S> {
  /** Fails with `bad_request`. */
  read({ query }: Pick<ApiRequest, 'query'>): z.output<S> {
    const names = Object.keys(this.schema.shape).filter((name) => query.has(name))
    return this.parse(Object.fromEntries(names.map((name) => [name, query.get(name)])))
  }
}
