/** JSON as it hurts whoever reads it: deep, long, large, and with halves of characters. As text, since no printer survives it. */
import fc from 'fast-check'

/** `open`: one level, down to where the next one begins. */
export function nested(depth: number, open = '['): string {
  return open.repeat(depth) + '1' + (open.startsWith('{') ? '}' : ']').repeat(depth)
}

const deep = fc
  .tuple(
    fc.oneof(fc.integer({ min: 1, max: 130 }), fc.constantFrom(63, 64, 65, 66, 1000, 10_000)),
    fc.constantFrom('[', '{"a":', '[[],', '{"a":{},"b":'),
  )
  .map(([depth, open]) => nested(depth, open))

const hugeKey = fc.integer({ min: 100, max: 60_000 }).map((length) => `{"${'k'.repeat(length)}":1}`)

const hugeNumber = fc.oneof(
  fc.constantFrom('1e400', '-1e400', '1e-400', '-0', '9007199254740993', '1.0', '0.1e-7'),
  fc.integer({ min: 20, max: 2000 }).map((digits) => '9'.repeat(digits)),
)

/** Escaped, and as they are. */
const loneSurrogate = fc.constantFrom(
  '"\\ud800"',
  '"a\\udfffb"',
  '"\\ud83d"',
  '"\ud800"',
  '{"\\ud800":1}',
  '{"\udfff":"\ud83d"}',
)

const strange = fc.constantFrom(
  '"\ufeff"',
  '"\\u0000"',
  '"\u2028"',
  '{"__proto__":1}',
  '{"toString":{}}',
  '{"":[]}',
)

export const hostileJson = fc.oneof(deep, hugeKey, hugeNumber, loneSurrogate, strange, fc.json())

/** By the engine. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
