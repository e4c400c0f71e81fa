import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Identity } from '../../../src/auth/identity.ts'
import { tokenKeyOf, TokenTable } from '../../../src/auth/token-table.ts'

const identity = (user: string): Identity => ({ user }) as Identity

it('a table finds what was put into it last, however it has grown and whatever keys are alike', () => {
  // Few values for each word: nearly every key begins where others do, and differs from some in one word.
  const word = fc.constantFrom(0, 1, 15, 16, -1, 2 ** 31 - 1)
  const key = fc.tuple(word, word, word, word)
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.string()), { maxLength: 200 }), (entries) => {
      const table = new TokenTable()
      const model = new Map<string, string>()
      for (const [words, user] of entries) {
        expect(table.get(words)?.user).toBe(model.get(words.join(' ')))
        table.set(words, identity(user))
        model.set(words.join(' '), user)
        expect(table.size).toBe(model.size)
      }
      for (const [words] of entries) expect(table.get(words)?.user).toBe(model.get(words.join(' ')))
    }),
  )
})

it('the key of a token is that of no other token, and of no other secret', () => {
  const key = tokenKeyOf('a', 's')
  expect(tokenKeyOf('a', 's')).toEqual(key)
  for (const other of [tokenKeyOf('b', 's'), tokenKeyOf('a', 't'), tokenKeyOf('aa', '')])
    for (let at = 0; at < key.length; at++) expect(other[at]).not.toBe(key[at])
})
