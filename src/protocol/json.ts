/**
 * The one way in which JSON of a peer is parsed: with a limit on how deep it is nested. Whatever walks over a value (a
 * printer, a comparison, a copy) goes as deep as the value does, and a value of ten kilobytes can be deep enough to
 * overflow the stack.
 */
import { endOfString } from './raw-json.ts'

/** As `limits.jsonDepth` is where nobody sets it. */
export const JSON_DEPTH_DEFAULT = 64

const QUOTE = 0x22
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

/** Why a text is not taken; the message follows the name of what the text is. */
export class JsonFault extends Error {
  override readonly name = 'JsonFault'
  readonly tooDeep: boolean

  constructor(message: string, tooDeep: boolean) {
    super(message)
    this.tooDeep = tooDeep
  }
}

/**
 * A scanner without recursion comes first, so that nothing too deep is ever built. `around`: so many levels are those of an
 * envelope, and not of what the limit is for. Fails with `JsonFault`.
 */
export function parseJson(text: string, depthMax = JSON_DEPTH_DEFAULT, around = 0): unknown {
  if (isDeeper(text, depthMax + around))
    throw new JsonFault(`is nested deeper than limits.jsonDepth allows, which is ${depthMax}`, true)
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw new JsonFault('is not JSON', false)
    throw error
  }
}

/** The object that the text is; `undefined`: it is something else, or not JSON, or nested too deep. */
export function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = parseJson(text)
    return isObject(value) ? value : undefined
  } catch (error) {
    if (error instanceof JsonFault) return undefined
    throw error
  }
}

/** Neither an array nor `null`, of which `typeof` says the same. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The texts of a list; what else stands in it is left out. */
export function textsIn(list: readonly unknown[]): string[] {
  return list.filter((one) => typeof one === 'string')
}

/**
 * Whether arrays and objects are nested deeper than so many levels. Of a text that is not JSON any answer may be given: it is
 * refused anyhow.
 */
export function isDeeper(text: string, depthMax: number): boolean {
  // Each level takes two characters. Most frames end here, and of the rest most have fewer brackets than may be nested.
  if (text.length <= 2 * depthMax || hasFewer(text, depthMax)) return false
  let depth = 0
  let at = 0
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = endOfString(text, at)
      continue
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (++depth > depthMax) return true
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--
    at++
  }
  return false
}

/** Whether at most so many brackets open anywhere, in strings too: found by the engine's own search, which is far faster than a loop. */
function hasFewer(text: string, countMax: number): boolean {
  let left = countMax
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1))
      if (--left < 0) return false
  }
  return true
}
