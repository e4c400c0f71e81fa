/**
 * A long member of a JSON object apart from the rest: the rest is parsed, the member is only checked, since nobody builds what it says.
 * Both together cost one walk over the text.
 */
import { isObject, JsonFault, parseJson } from './json.ts'
import { endOfJson } from './json-scan.ts'

/** Below that it is not worth it. */
export const LENGTH_MIN = 1024

export interface Apart {
  /** The object, with `null` in the place of the member. */
  readonly around: Readonly<Record<string, unknown>>
  /** The member as it was written, on one line. */
  readonly raw: string
}

/**
 * `undefined`: the text is short, or not an object with such a member, or not JSON, or nested too deep, or it is not plain to see which
 * of several members it is. It says no more than that, and whoever asks goes the longer way, which knows. Depth as of `parseJson`.
 */
export function memberApart(text: string, key: string, depthMax: number): Apart | undefined {
  if (text.length < LENGTH_MIN) return undefined
  const name = `"${key}"`
  const at = text.indexOf(name)
  const colon = at + name.length
  if (at === -1 || text[colon] !== ':') return undefined
  const start = text[colon + 1] === ' ' ? colon + 2 : colon + 1
  if (text[start] === ' ') return undefined
  const end = endOfJson(text, start, depthMax)
  if (end === -1) return undefined
  const around = textAround(text, start, end, name)
  if (around === undefined) return undefined
  const object = parsed(around, depthMax)
  // Anything else: it was a member of a member.
  if (!isObject(object) || object[key] !== null) return undefined
  return { around: object, raw: text.slice(start, end) }
}

/**
 * Where nothing is escaped and the key is written once, the key is a key, and only once: `null` takes the place of a whole value. It
 * cannot become one with what follows, as a number could.
 */
function textAround(text: string, start: number, end: number, name: string): string | undefined {
  const rest = text.slice(end)
  if (rest.includes(name) || rest.includes('\\')) return undefined
  const head = text.slice(0, start)
  return head.includes('\\') ? undefined : `${head}null${rest}`
}

function parsed(around: string, depthMax: number): unknown {
  try {
    return parseJson(around, depthMax, 1)
  } catch (error) {
    if (error instanceof JsonFault) return undefined
    throw error
  }
}
