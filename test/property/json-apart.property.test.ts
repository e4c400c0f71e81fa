import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hostileJson, nested, isJson } from '../support/hostile-json.ts'
import { memberApart } from '../../src/protocol/json-apart.ts'
import { endOfJson } from '../../src/protocol/json-scan.ts'
import { isDeeper } from '../../src/protocol/json.ts'
import { rawMember } from '../../src/protocol/raw-json.ts'

const DEPTH = 64

/** What JSON is made of, put together in any order: most of it is none, and nearly so. */
const nearJson = fc
  .array(
    fc.constantFrom(
      ...['{', '}', '[', ']', ',', ':', '"', '\\', ' ', '\n', '\t', '-', '+', '.', '0', '1', '9', 'e', 'E'],
      ...[
        'true',
        'false',
        'null',
        'nul',
        '"a"',
        '"a":',
        '{"a":1}',
        '[1]',
        '1.5',
        '-0',
        '1e5',
        '01',
        '1.',
        '.5',
      ],
      ...[
        '"\\n"',
        '"\\u00e9"',
        '"\\x"',
        '"\\u12"',
        '"\u0001"',
        '"\u2028"',
        'NaN',
        `"${'x'.repeat(60)}"`,
        `"${'x'.repeat(60)}\\"y"`,
      ],
    ),
    { maxLength: 9 },
  )
  .map((pieces) => pieces.join(''))

/** One character of good JSON is another one, is gone, or is there twice. */
const spoilt = fc
  .tuple(
    fc.json(),
    fc.nat(),
    fc.constantFrom('', '"', '\\', ',', ':', '{', ']', '0', '.', 'e', '-', ' ', '\n', 'x'),
  )
  .map(([text, at, put]) => {
    const place = at % (text.length + 1)
    return text.slice(0, place) + put + text.slice(place + (at % 2))
  })

describe('the end of a value', () => {
  it('is found of what JSON.parse takes, and of nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(nearJson, spoilt, hostileJson), (text) => {
        const end = endOfJson(text, 0, DEPTH)
        if (end === -1) return
        const value = text.slice(0, end)
        expect(isJson(value)).toBe(true)
        expect(isDeeper(value, DEPTH)).toBe(false)
        expect(value).not.toMatch(/[\r\n]/)
        // Nothing that follows makes it longer.
        if (isJson(text)) expect(text.slice(end)).toMatch(/^\s*$/)
      }),
      { numRuns: 5000 },
    )
  })

  it('is found of all that a printer makes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom('', '}', ',1]', ' x'), (value, rest) => {
        const text = JSON.stringify(value)
        expect(endOfJson(text + rest, 0, DEPTH)).toBe(text.length)
      }),
      { numRuns: 2000 },
    )
  })

  it('is not looked for below the depth that is allowed', () => {
    for (const open of ['[', '{"a":']) {
      const text = nested(3, open)
      expect(endOfJson(text, 0, 3)).toBe(text.length)
      expect(endOfJson(text, 0, 2)).toBe(-1)
    }
    expect(endOfJson('[]', 0, 0)).toBe(-1)
    expect(endOfJson('1', 0, 0)).toBe(1)
  })
})

const PADDING = 'x'.repeat(1100)

describe('a member apart', () => {
  it('is what is found by reading all of it, and so is the rest', () => {
    const member = fc.constantFrom('"data":', '"data": ', '"data" :', '"d\\u0061ta":', '"x":', '"\\"data":')
    const value = fc.oneof(
      fc.json(),
      fc.constantFrom('null', '"data"', '{"data":1}', '{"data":null}', '"\\"data\\":"', '1', '[1]e5', '1 2'),
    )
    fc.assert(
      fc.property(
        fc.array(fc.tuple(member, value), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        (members, at) => {
          const parts = members.map(([key, json]) => key + json)
          parts.splice(at % (parts.length + 1), 0, `"padding":"${PADDING}"`)
          const text = `{${parts.join(',')}}`
          const apart = memberApart(text, 'data', DEPTH)
          if (apart === undefined) return
          expect(isJson(text)).toBe(true)
          expect(apart.raw).toBe(rawMember(text, 'data'))
          expect(apart.around).toEqual({ ...(JSON.parse(text) as object), data: null })
        },
      ),
      { numRuns: 5000 },
    )
  })

  it('is found where a long body has one payload, wherever it stands', () => {
    for (const json of [
      `"${PADDING}"`,
      `[{"a":"${PADDING}","b":[1.50,-2e3,true,null]},"data"]`,
      `"${PADDING}\\"\\u00e9"`,
    ]) {
      const first = memberApart(`{"data":${json},"channel":"a"}`, 'data', DEPTH)
      const last = memberApart(`{"channel":"a","data": ${json}}`, 'data', DEPTH)
      for (const apart of [first, last])
        expect(apart).toEqual({ around: { channel: 'a', data: null }, raw: json })
    }
  })

  it('is left to others where it is not plain', () => {
    const json = `"${PADDING}"`
    for (const text of [
      '{"data":1}',
      `{"data":${json},"data":null}`,
      `{"data":${json},"d\\u0061ta":null}`,
      `{"a":{"data":${json}},"b":null}`,
      `[{"data":${json}}]`,
      `{"data":${json}e5}`,
      `{"data":[${json}]1}`,
      `{"data":${json},"a":[}`,
      `{"data":[${json},\n1]}`,
      `{"data":"${PADDING}\n"}`,
      `{"data":"${PADDING}`,
      `{"channel":"${PADDING}"}`,
      `{"data":${'['.repeat(65)}${json}${']'.repeat(65)}}`,
      `\ufeff{"data":${json}}`,
    ])
      expect(memberApart(text, 'data', DEPTH), text.replaceAll(PADDING, '…')).toBeUndefined()
  })
})
