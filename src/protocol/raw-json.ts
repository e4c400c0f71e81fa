/**
 * Finds the text of one member of a JSON object without re-writing it.
 *
 * A payload must leave as it came: parsing and printing it again would round a 64-bit number and turn `1.0` into `1`.
 */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const COMMA = 0x2c

/**
 * The raw text of `object[key]`; `undefined` where the object has no such member.
 * `text` must be an object that `JSON.parse` accepts: this only finds its way in valid JSON. Like `JSON.parse`, the last of two equal keys wins.
 */
export function rawMember(text: string, key: string): string | undefined {
  let foundAt = -1
  let foundEnd = 0
  // Once for all keys: most frames have none, and then no key has to be cut out.
  const escapes = text.includes('\\')
  walk(text, (keyStart, keyEnd, start, end) => {
    if (!(escapes ? isLiteralOf(key, text.slice(keyStart, keyEnd)) : isKey(text, keyStart, keyEnd, key)))
      return
    foundAt = start
    foundEnd = end
  })
  return foundAt === -1 ? undefined : text.slice(foundAt, foundEnd)
}

/** Those of all members, found in one pass; as of `rawMember`. */
export function rawMembers(text: string): Map<string, string> {
  const members = new Map<string, string>()
  walk(text, (keyStart, keyEnd, start, end) =>
    members.set(JSON.parse(text.slice(keyStart, keyEnd)) as string, text.slice(start, end)),
  )
  return members
}

function walk(
  text: string,
  each: (keyStart: number, keyEnd: number, valueStart: number, valueEnd: number) => unknown,
): void {
  let at = skipSpace(text, skipSpace(text, 0) + 1)
  while (text.charCodeAt(at) === QUOTE) {
    const keyEnd = endOfString(text, at)
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1)
    const valueEnd = endOfValue(text, valueStart)
    each(at, keyEnd, valueStart, valueEnd)
    at = skipSpace(text, valueEnd)
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1)
  }
}

/** The raw texts of the elements of a JSON array, which `JSON.parse` must accept. */
export function rawElements(text: string): string[] {
  const elements: string[] = []
  let at = skipSpace(text, skipSpace(text, 0) + 1)
  while (at < text.length && text.charCodeAt(at) !== CLOSE_BRACKET) {
    const end = endOfValue(text, at)
    elements.push(text.slice(at, end))
    at = skipSpace(text, end)
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1)
  }
  return elements
}

/**
 * JSON text without line breaks. In valid JSON they stand only between tokens, where a space means the same;
 * an SSE `data:` line must not contain one.
 */
export function onOneLine(json: string): string {
  return json.includes('\n') || json.includes('\r') ? json.replace(/[\r\n]+/g, ' ') : json
}

/** Of a key without escapes. */
function isKey(text: string, start: number, end: number, key: string): boolean {
  return end - start === key.length + 2 && text.startsWith(key, start + 1)
}

function isLiteralOf(key: string, literal: string): boolean {
  return literal.includes('\\') ? JSON.parse(literal) === key : isKey(literal, 0, literal.length, key)
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (at < text.length && text.charCodeAt(at) <= 0x20) at++
  return at
}

/** `from` is the opening quote; the answer is the place after the closing one. */
export function endOfString(text: string, from: number): number {
  let at = from + 1
  for (;;) {
    const quote = text.indexOf('"', at)
    if (quote === -1) return text.length
    let backslashes = 0
    while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return quote + 1
    at = quote + 1
  }
}

function endOfValue(text: string, from: number): number {
  let depth = 0
  let at = from
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = endOfString(text, at)
      if (depth === 0) return at
      continue
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      if (depth === 0) return at
      if (--depth === 0) return at + 1
    } else if (depth === 0 && (code === COMMA || code <= 0x20)) return at
    at++
  }
  return at
}
