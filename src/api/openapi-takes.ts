/**
 * What operations take, as JSON Schema: from the schemas that read it.
 */
import * as z from 'zod'
import type { Body, Query } from './takes.ts'

export function bodyOf({ schema }: Pick<Body<z.ZodObject>, 'schema'>): object {
  return jsonSchemaOf(schema)
}

export function parametersOf({ schema }: Pick<Query<z.ZodObject>, 'schema'>): readonly object[] {
  const { properties = {}, required = [] } = jsonSchemaOf(schema)
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = property as z.core.JSONSchema.BaseSchema
    return { name, in: 'query', required: required.includes(name), description, schema: rest }
  })
}

/** Which draft it is says the document. */
function jsonSchemaOf(schema: z.ZodType): z.core.JSONSchema.BaseSchema {
  const { $schema: _draft, ...json } = z.toJSONSchema(schema, { io: 'input' })
  return json
}
