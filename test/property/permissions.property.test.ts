import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { patternsFault, PatternTable, PATTERNS_MAX, PatternPermissions } from '../../src/auth/permissions.ts'
import { isChannel, isPattern } from '../../src/protocol/channel.ts'

/** Few letters, so that names and patterns meet often. */
const name = fc
  .array(fc.constantFrom('a', 'b', ':', '.', '-'), { minLength: 1, maxLength: 5 })
  .map((letters) => letters.join(''))
const channel = name.filter(isChannel)
const pattern = fc
  .oneof(
    name,
    name.map((beginning) => `${beginning}*`),
    fc.constant('*'),
  )
  .filter(isPattern)
const patterns = fc.array(pattern, { maxLength: 6 })

/** What a pattern means, said in another way than the code says it. */
function means(one: string): RegExp {
  return new RegExp(`^${one.replaceAll(/[.+$/]/g, String.raw`\$&`).replace('*', '.*')}$`, 'u')
}

function permissions(subscribe: readonly string[], publish: readonly string[], table = new PatternTable(8)) {
  return new PatternPermissions(table.shared(subscribe), table.shared(publish), [])
}

describe('permissions', () => {
  it('allow what one of the patterns means, and nothing else', () => {
    fc.assert(
      fc.property(patterns, patterns, channel, (subscribe, publish, wanted) => {
        const both = permissions(subscribe, publish)
        expect(both.maySubscribe(wanted)).toBe(subscribe.some((one) => means(one).test(wanted)))
        expect(both.mayPublish(wanted)).toBe(publish.some((one) => means(one).test(wanted)))
      }),
      { numRuns: 2000 },
    )
  })

  it('never allow an inbox, whatever the patterns are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(pattern, fc.constant('@*'), fc.constant('@bob')), { maxLength: 6 }),
        (any) => {
          const both = permissions(['*', ...any], ['*', ...any])
          for (const inbox of ['@bob', '@inbox', '@']) {
            expect(both.maySubscribe(inbox)).toBe(false)
            expect(both.mayPublish(inbox)).toBe(false)
          }
        },
      ),
    )
  })

  it('only grow when patterns are added', () => {
    fc.assert(
      fc.property(patterns, patterns, channel, (few, more, wanted) => {
        if (permissions(few, []).maySubscribe(wanted)) {
          expect(permissions([...few, ...more], []).maySubscribe(wanted)).toBe(true)
        }
      }),
    )
  })

  it('allow every channel with * alone', () => {
    fc.assert(
      fc.property(channel, (any) => {
        expect(permissions(['*'], []).maySubscribe(any)).toBe(true)
      }),
    )
  })
})

describe('the table of lists', () => {
  it('holds equal lists once, whatever their order and repetitions are', () => {
    fc.assert(
      fc.property(patterns, fc.infiniteStream(fc.nat()), (list, picks) => {
        const table = new PatternTable(8)
        const first = table.shared(list)
        const again = [...list, ...list].sort(() => ((picks.next().value as number) % 2 === 0 ? 1 : -1))
        expect(table.shared(again)).toBe(first)
        expect(table.size).toBe(1)
      }),
    )
  })

  it('never mixes up different lists', () => {
    fc.assert(
      fc.property(fc.array(patterns, { maxLength: 20 }), (lists) => {
        const table = new PatternTable(4)
        for (const list of lists) expect(table.shared(list)).toEqual([...new Set(list)].sort())
      }),
    )
  })

  it('never holds more than its bound, and forgets the longest unused first', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (uses, bound) => {
        const table = new PatternTable(bound)
        let recent: { use: number; list: readonly string[] }[] = []
        for (const use of uses) {
          const list = table.shared([`room:${use}`])
          const known = recent.find((entry) => entry.use === use)
          expect(list === known?.list).toBe(known !== undefined)
          recent = [...recent.filter((entry) => entry !== known), { use, list }].slice(-bound)
          expect(table.size).toBe(recent.length)
        }
      }),
    )
  })

  it('does not hold lists that are long', () => {
    const table = new PatternTable(8)
    const long = Array.from({ length: 20 }, (_, i) => `${'room'.repeat(20)}:${i}`)
    expect(table.shared(long)).toHaveLength(20)
    expect(table.size).toBe(0)
  })
})

describe('the check of a list', () => {
  it('finds a fault exactly where something is no pattern, and names the first', () => {
    const anything = fc.oneof(
      pattern,
      name,
      fc.constantFrom('', 'a*b', '**', '@bob', '@*', 'a b', 7, null, undefined),
    )
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 6 }), (list) => {
        const wrong = list.findIndex((one) => !isPattern(one))
        const fault = patternsFault('publish', list)
        if (wrong === -1) expect(fault).toBeUndefined()
        else expect(fault).toContain(`publish[${wrong}] is not a pattern`)
      }),
    )
  })

  it('finds a fault in everything that is not a list, and in a list that is too long', () => {
    for (const value of [null, 'news:*', 7, {}, { length: 0 }]) {
      expect(patternsFault('publish', value)).toBe('publish must be a list of patterns')
    }
    expect(
      patternsFault(
        'publish',
        Array.from({ length: PATTERNS_MAX }, () => 'a'),
      ),
    ).toBeUndefined()
    expect(
      patternsFault(
        'publish',
        Array.from({ length: PATTERNS_MAX + 1 }, () => 'a'),
      ),
    ).toMatch(/^publish has 257 patterns; at most 256/)
  })

  it('tokens with equal lists have one object, and others have another', () => {
    const table = new PatternTable(8)
    const first = table.permissions(['a', 'b'], ['c'], [])
    expect(table.permissions(['b', 'a'], ['c'], [])).toBe(first)
    for (const other of [
      table.permissions(['a'], ['b', 'c'], []),
      table.permissions(['a', 'b'], [], ['c']),
      table.permissions(['a', 'b', 'c'], [], []),
    ])
      expect(other).not.toBe(first)
    expect(first.maySubscribe('b')).toBe(true)
    expect(first.mayReadHistory('c')).toBe(false)
  })
})
