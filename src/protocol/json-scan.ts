/**
 * Checks JSON of a peer in one walk over its text, without building anything of it: that it is JSON, is not nested too deep, has no
 * line break outside of its texts, and where it ends. What it does not want to decide it leaves to `JSON.parse`.
 */
import { endOfString } from './raw-json.ts'

const SPACE = 0x20
const QUOTE = 0x22
const PLUS = 0x2b
const COMMA = 0x2c
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30
const ONE = 0x31
const NINE = 0x39
const COLON = 0x3a
const UPPER_E = 0x45
const OPEN_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSE_BRACKET = 0x5d
const LOWER_E = 0x65
const LOWER_F = 0x66
const LOWER_N = 0x6e
const LOWER_T = 0x74
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** So many characters of a string are looked at one by one; for more the engine's own search is faster. */
const SHORT_STRING = 48

/** By level, what closes it. Only good during a call: nothing in it waits. */
const closing: number[] = []

/**
 * Where the value ends that begins at `from`, or behind spaces there. -1: it is no JSON, or is nested deeper than so many levels, or is
 * written in a way that is left to others (a line break or a tab between its tokens).
 */
export function endOfJson(text: string, from: number, depthMax: number): number {
  let depth = 0
  let at = from
  for (;;) {
    at = skipSpaces(text, at)
    const code = text.charCodeAt(at)
    if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (depth === depthMax) return -1
      at = skipSpaces(text, at + 1)
      const close = code === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET
      if (text.charCodeAt(at) !== close) {
        closing[++depth] = close
        if (close === CLOSE_BRACE && (at = endOfKey(text, at)) === -1) return -1
        continue
      }
      at++
    } else at = endOfScalar(text, at, code)
    if (at === -1) return -1
    // Behind a value: what follows it on its level, or the end of that.
    for (;;) {
      if (depth === 0) return at
      at = skipSpaces(text, at)
      const next = text.charCodeAt(at++)
      if (next === closing[depth]) depth--
      else if (next === COMMA) break
      else return -1
    }
    if (closing[depth] === CLOSE_BRACE && (at = endOfKey(text, skipSpaces(text, at))) === -1) return -1
  }
}

function skipSpaces(text: string, from: number): number {
  let at = from
  while (text.charCodeAt(at) === SPACE) at++
  return at
}

/** The place behind the colon. */
function endOfKey(text: string, from: number): number {
  if (text.charCodeAt(from) !== QUOTE) return -1
  const end = endOfText(text, from)
  if (end === -1) return -1
  const at = skipSpaces(text, end)
  return text.charCodeAt(at) === COLON ? at + 1 : -1
}

function endOfScalar(text: string, from: number, first: number): number {
  if (first === QUOTE) return endOfText(text, from)
  if (first === LOWER_T) return text.startsWith('true', from) ? from + 4 : -1
  if (first === LOWER_F) return text.startsWith('false', from) ? from + 5 : -1
  if (first === LOWER_N) return text.startsWith('null', from) ? from + 4 : -1
  return endOfNumber(text, from)
}

/** What is long or has escapes is for the engine. */
function endOfText(text: string, from: number): number {
  const shortEnd = Math.min(text.length, from + SHORT_STRING)
  for (let at = from + 1; at < shortEnd; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at + 1
    if (code === BACKSLASH || code < SPACE) break
  }
  const end = endOfString(text, from)
  try {
    JSON.parse(text.slice(from, end))
    return end
  } catch (error) {
    if (error instanceof SyntaxError) return -1
    throw error
  }
}

/** RFC 8259, section 6. */
function endOfNumber(text: string, from: number): number {
  let at = text.charCodeAt(from) === MINUS ? from + 1 : from
  const first = text.charCodeAt(at)
  if (first === ZERO) at++
  else if (first >= ONE && first <= NINE) at = endOfDigits(text, at)
  else return -1
  if (text.charCodeAt(at) === POINT) {
    at = endOfDigits(text, at + 1)
    if (at === -1) return -1
  }
  const exponent = text.charCodeAt(at)
  if (exponent !== LOWER_E && exponent !== UPPER_E) return at
  const sign = text.charCodeAt(at + 1)
  return endOfDigits(text, sign === PLUS || sign === MINUS ? at + 2 : at + 1)
}

/** -1: there is none. */
function endOfDigits(text: string, from: number): number {
  let at = from
  for (let code = text.charCodeAt(at); code >= ZERO && code <= NINE; code = text.charCodeAt(at)) at++
  return at === from ? -1 : at
}
