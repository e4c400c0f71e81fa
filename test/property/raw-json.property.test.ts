import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hostileJson, isJson } from '../support/hostile-json.ts'
import { isDeeper } from '../../src/protocol/json.ts'
import { rawElements, rawMember } from '../../src/protocol/raw-json.ts'

const space = fc.constantFrom('', ' ', '\n', '\r\n\t ')

/** An object as text, with any white space where JSON allows it. */
function spaced(entries: readonly (readonly [string, string])[], gap: string): string {
  return `${gap}{${entries.map(([key, value]) => `${gap}${JSON.stringify(key)}${gap}:${gap}${value}${gap}`).join(',')}}${gap}`
}

describe('the raw text of a member', () => {
  it('parses to what the member parses to, wherever it stands', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string(), fc.json())),
        fc.json(),
        fc.nat(),
        space,
        (others, value, at, gap) => {
          const entries = others.filter(([key]) => key !== 'data')
          entries.splice(at % (entries.length + 1), 0, ['data', value])
          const raw = rawMember(spaced(entries, gap), 'data')
          expect(raw).toBeDefined()
          expect(JSON.parse(raw as string)).toEqual(JSON.parse(value))
          expect(raw).not.toMatch(/[\r\n]/)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('agrees with JSON.parse on any object', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (object, key) => {
        const raw = rawMember(JSON.stringify(object), key)
        if (Object.hasOwn(object, key))
          expect(JSON.parse(raw as string)).toEqual(JSON.parse(JSON.stringify(object[key])))
        else expect(raw).toBeUndefined()
      }),
      { numRuns: 1000 },
    )
  })

  it('is found beside members that hurt readers, and is theirs as it was written', () => {
    fc.assert(
      fc.property(hostileJson, hostileJson, (before, value) => {
        const text = `{"x":${before},"data":${value},"data2":${before}}`
        if (!isJson(text)) {
          // Found or not, an end is found.
          rawMember(text, 'data')
          return
        }
        expect(rawMember(text, 'data')).toBe(value)
      }),
      { numRuns: 1000 },
    )
  })

  it('is the last of two equal keys, escaped or not', () => {
    expect(rawMember('{"data":1,"d\\u0061ta":2}', 'data')).toBe('2')
  })

  it('keeps numbers as they were written', () => {
    expect(rawMember('{"data":12345678901234567890.10e+2}', 'data')).toBe('12345678901234567890.10e+2')
  })
})

describe('the raw texts of the elements of an array', () => {
  it('parse to the elements', () => {
    fc.assert(
      fc.property(fc.array(fc.json()), space, (elements, gap) => {
        const text = `${gap}[${elements.map((element) => gap + element + gap).join(',')}]`
        expect(rawElements(text).map((raw) => JSON.parse(raw) as unknown)).toEqual(
          elements.map((element) => JSON.parse(element) as unknown),
        )
      }),
      { numRuns: 1000 },
    )
  })
})

describe('how deep a text is nested', () => {
  /** By a walk over what it parses to, which is what a reader would do. */
  function depthOf(value: unknown): number {
    if (typeof value !== 'object' || value === null) return 0
    return 1 + Math.max(0, ...Object.values(value).map(depthOf))
  }

  it('is counted as by a walk over the value, whatever stands in its texts', () => {
    const brackets = fc.string({ unit: fc.constantFrom('[', '{', '"', '\\', ']', '}', 'a'), maxLength: 30 })
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 12, stringUnit: 'binary' }),
        brackets,
        fc.nat(14),
        (value, text, max) => {
          const wrapped = { [text]: [value, text], pad: 'x'.repeat(100) }
          expect(isDeeper(JSON.stringify(wrapped), max)).toBe(depthOf(wrapped) > max)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('has an answer for a text that is no JSON, or has millions of brackets', () => {
    fc.assert(
      fc.property(hostileJson, (text) => {
        expect(typeof isDeeper(text.slice(1), 64)).toBe('boolean')
      }),
    )
    expect(isDeeper('['.repeat(5_000_000), 64)).toBe(true)
    expect(isDeeper('[]'.repeat(2_000_000), 64)).toBe(false)
    expect(isDeeper(`"${'['.repeat(1000)}`, 64)).toBe(false)
  })
})
