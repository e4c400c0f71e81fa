import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { centrifugeNameOf, internalNameOf } from '../../../../src/dialect/centrifuge/names.ts'
import { isChannel } from '../../../../src/protocol/channel.ts'

describe('a channel of Centrifuge', () => {
  it.each([
    ['news', 'news'],
    ['chat:room/42.a@b', 'chat:room/42.a@b'],
    ['a=b', 'a=b'],
    ['dialog#42,43', 'dialog=2342=2C43'],
    ['$private', '$private'],
    ['.a..b.', '=2Ea=2E.b=2E'],
    ['@alice', '=40alice'],
    ['a=2C', 'a=3D2C'],
    ['#alice', '@alice'],
  ])('%s is %s inside', (channel, internal) => {
    expect(internalNameOf(channel)).toBe(internal)
    expect(centrifugeNameOf(internal)).toBe(channel)
  })

  it.each(['', ' ', 'a b', 'ä', 'a\n', 'x'.repeat(129), '!'.repeat(43)])('is none: %j', (channel) => {
    expect(internalNameOf(channel)).toBeUndefined()
  })

  it('is no inbox where it names two users', () => {
    expect(internalNameOf('#alice,bob')).toBe('=23alice=2Cbob')
  })

  it('has one name inside, which leads back to it', () => {
    const char = fc.constantFrom(...'ab.@=$#!~*&,;23AF:'.split(''))
    fc.assert(
      fc.property(fc.array(char, { minLength: 1, maxLength: 40 }), (chars) => {
        const channel = chars.join('')
        const internal = internalNameOf(channel)
        if (internal === undefined) return
        expect(internal.startsWith('@') || isChannel(internal)).toBe(true)
        expect(centrifugeNameOf(internal)).toBe(channel)
      }),
      { numRuns: 1000 },
    )
  })
})
