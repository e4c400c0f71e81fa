import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyOf } from '../../../src/acks/key.ts'

const name = fc.oneof(
  fc.string({
    unit: fc.constantFrom('.', '*', '>', '=', ' ', 'a', '0', '2', 'e', '\n', 'é', '🚰', '\ud800'),
  }),
  fc.string({ unit: 'binary' }),
)

/** The other way, for the test: only an injective encoding has one. */
function pairOf(key: string): string[] {
  return key.split('.').map((part) => {
    if (part === '=') return ''
    return part.replaceAll(/=([0-9a-f]{4})/g, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    )
  })
}

describe('the key of a user and a channel', () => {
  it('is of one pair only', () => {
    fc.assert(
      fc.property(name, name, (user, channel) => {
        expect(pairOf(keyOf(user, channel))).toEqual([user, channel])
      }),
      { numRuns: 1000 },
    )
  })

  it('is one that a bucket takes', () => {
    fc.assert(
      fc.property(name, name, (user, channel) => /^[\w=-]+\.[\w=-]+$/.test(keyOf(user, channel))),
      { numRuns: 1000 },
    )
  })

  it('is as documented', () => {
    expect(keyOf('alice', 'orders:eu.1')).toBe('alice.orders=003aeu=002e1')
    expect(keyOf('', '@alice')).toBe('=.=0040alice')
  })
})
