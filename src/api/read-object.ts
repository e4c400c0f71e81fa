/**
 * The body of a request that is a JSON object with known fields.
 */
import { SluiceError } from '../errors.ts'
import { JsonFault, parseJson } from '../protocol/json.ts'

/** Fails with `bad_request`. */
export function readObject(
  text: string,
  jsonDepthMax: number,
  fields: readonly string[],
  example: string,
): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = parseJson(text, jsonDepthMax)
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    value = undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SluiceError('bad_request', `the body must be a JSON object, such as ${example}`)
  }
  const unknown = Object.keys(value).find((key) => !fields.includes(key))
  if (unknown !== undefined) {
    throw new SluiceError(
      'bad_request',
      `${JSON.stringify(unknown.slice(0, 40))} is not a field; the fields are ${fields.join(', ')}`,
    )
  }
  return value as Readonly<Record<string, unknown>>
}
