import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SluiceError } from '../../../src/errors.ts'
import { normalPayload } from '../../../src/publish/payload.ts'

const json = (data: Uint8Array | string, parsed: boolean): string =>
  Buffer.from(
    normalPayload({ data: Buffer.from(data), binary: false }, { bytesMax: 100_000, jsonDepthMax: 64, parsed })
      .data,
  ).toString()

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof SluiceError) return error.code
    throw error
  }
}

describe.each([true, false])('a JSON payload (parsed: %s)', (parsed) => {
  it.each([
    ['{"a":1}', '{"a":1}'],
    ['{"a": 1.0}\n', '{"a": 1.0}'],
    [' \t"x" ', '"x"'],
    ['[1,\r\n2]', '[1, 2]'],
    ['[1,\n\n\n2]', '[1, 2]'],
    ['"\\n\\r"', '"\\n\\r"'],
    ['"\u2028"', '"\u2028"'],
  ])('%j is %j', (given, normal) => {
    expect(json(given, parsed)).toBe(normal)
  })

  it.each([
    ['nothing', ''],
    ['blanks', ' \n'],
    ['a byte order mark', '\uFEFF1'],
    ['what is not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['a line break in a text', '"a\nb"'],
  ])('%s is refused', (_, given) => {
    expect(codeOf(() => json(given, parsed))).toBe('bad_request')
  })

  it('is the same value on one line, and is left as it is where it is that already', () => {
    const spaced = fc
      .tuple(fc.jsonValue(), fc.constantFrom(0, 1, '\t'))
      .map(([value, indent]) => `\r\n${JSON.stringify(value, undefined, indent)}\n`)
    fc.assert(
      fc.property(spaced, (given) => {
        const normal = json(given, parsed)
        expect(JSON.parse(normal)).toEqual(JSON.parse(given))
        expect(normal).not.toMatch(/[\r\n]|^\s|\s$/)
        const data = Buffer.from(normal)
        expect(
          normalPayload({ data, binary: false }, { bytesMax: 100_000, jsonDepthMax: 64, parsed }).data,
        ).toBe(data)
      }),
    )
  })
})

it.each(['{"a":', 'nope', "{'a':1}", '1 2'])('what nobody has parsed is parsed: %j', (given) => {
  expect(codeOf(() => json(given, false))).toBe('bad_request')
})

it.each([true, false])('the limit is on what is stored (binary: %s)', (binary) => {
  const check = (text: string) => () =>
    normalPayload({ data: Buffer.from(text), binary }, { bytesMax: 4, jsonDepthMax: 64, parsed: false })
  expect(codeOf(check('"ab"'))).toBeUndefined()
  expect(codeOf(check('"abc"'))).toBe('limit_exceeded')
  expect(codeOf(check('"ab"\n'))).toBe(binary ? 'limit_exceeded' : undefined)
})

it('bytes are what they are', () => {
  const data = Buffer.from([0xef, 0xbb, 0xbf, 0x0a, 0xff])
  expect(normalPayload({ data, binary: true }, { bytesMax: 5, jsonDepthMax: 64, parsed: false })).toEqual({
    data,
    binary: true,
  })
})
