import { describe, expect, it } from 'vitest'
import { tagOf } from '../../../src/protocol/cursor.ts'
import { newSessionId, ownerTagOf, sessionIdFor } from '../../../src/session/session-id.ts'

const TAG = tagOf('ann')
/** Before there are random bytes. */
const FIRST = newSessionId('ann_-123')
const thrownBy = (asked: string): unknown => {
  try {
    return sessionIdFor('ann', asked)
  } catch (error) {
    return error
  }
}

describe('a session id', () => {
  it('is 24 characters that nobody guesses, and the tag of its user', () => {
    const ids = [FIRST, ...Array.from({ length: 999 }, () => newSessionId('ann_-123'))]
    for (const id of ids) {
      expect(id).toMatch(/^[A-Za-z0-9_-]{24}ann_-123$/)
      expect(ownerTagOf(id)).toBe('ann_-123')
    }
    // Each has random bytes of its own, also where the pool of them begins again.
    const pieces = ids.flatMap((id) => [id.slice(0, 8), id.slice(8, 16), id.slice(16, 24)])
    expect(new Set(pieces).size).toBe(3000)
  })

  it('is the one that was asked for where it is the user’s, and a new one where none was', () => {
    const asked = newSessionId(TAG)
    expect(sessionIdFor('ann', asked)).toBe(asked)
    const made = sessionIdFor('ann', undefined)
    expect(made).not.toBe(asked)
    expect([made.length, ownerTagOf(made)]).toEqual([32, TAG])
  })

  it('tells without a look-up that it is another user’s', () => {
    expect(thrownBy(newSessionId(tagOf('ben')))).toMatchObject({
      why: 'forbidden',
      code: 'forbidden',
      message: "the session is another user's; connect without it",
    })
  })

  it.each([
    '',
    'x',
    newSessionId(TAG).slice(1),
    `x${newSessionId(TAG)}`,
    `${newSessionId(TAG)}x`,
    `${newSessionId(TAG)}\n`,
    newSessionId(TAG).replace(/^./, '.'),
    newSessionId('ann_+123'),
  ])('is none where its form is another (%j)', (id) => {
    expect(thrownBy(id)).toMatchObject({
      why: 'malformed',
      code: 'bad_request',
      message: 'session is not one that this gateway gave; connect without it',
    })
  })
})
