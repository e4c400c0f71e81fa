import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { missedNothing, SeenHeads } from '../../../src/replay/jetstream-heads.ts'

describe('the ends of channels that a process has seen', () => {
  it('are never moved back by what was found out earlier', () => {
    const heads = new SeenHeads(10)
    heads.note('a', 5, 9)
    heads.note('a', 4)
    heads.note('a', 5, 7)
    expect(heads.get('a')).toEqual({ offset: 5, through: 9 })
    heads.note('a', 12)
    expect(heads.get('a')).toEqual({ offset: 12, through: 12 })
  })

  it('are those of the channels used last', () => {
    const heads = new SeenHeads(2)
    heads.note('a', 1)
    heads.note('b', 2)
    heads.get('a')
    heads.note('c', 3)
    expect(['a', 'b', 'c'].map((channel) => heads.get(channel)?.offset)).toEqual([1, undefined, 3])
  })

  it('L3 never hide that a message after a position was trimmed', () => {
    // Which entries of a stream are the channel's, when the process looked, where the stream begins, and who asks.
    const history = fc.record({
      ours: fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }),
      looks: fc.array(fc.nat(12), { maxLength: 3 }),
      trimmed: fc.nat(12),
      position: fc.nat(12),
    })
    fc.assert(
      fc.property(history, ({ ours, looks, trimmed, position }) => {
        const heads = new SeenHeads(1)
        for (const reached of looks) {
          const until = Math.min(reached, ours.length)
          heads.note('a', ours.slice(0, until).lastIndexOf(true) + 1, until)
        }
        const first = Math.min(trimmed, ours.length) + 1
        const missed = ours.some((isOurs, i) => isOurs && i + 1 > position && i + 1 < first)
        if (missed) expect(missedNothing(position, first, heads.get('a'))).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })

  it('tell who is up to date that he is, after all has been trimmed', () => {
    const heads = new SeenHeads(1)
    heads.note('a', 3, 8)
    expect(missedNothing(3, 9, heads.get('a'))).toBe(true)
    expect(missedNothing(3, 10, heads.get('a'))).toBe(false)
    expect(missedNothing(3, 9, undefined)).toBe(false)
  })
})
