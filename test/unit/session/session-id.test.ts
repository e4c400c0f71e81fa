import { describe, expect, it } from 'vitest'
import { newSessionId, ownerOf, ownerTagOf } from '../../../src/session/session-id.ts'

const TAG = 'ann_-123'

describe('a session id', () => {
  it('is 24 characters that nobody guesses, and the tag of its user', () => {
    const ids = Array.from({ length: 1000 }, () => newSessionId(TAG))
    for (const id of ids) {
      expect(id).toMatch(/^[A-Za-z0-9_-]{24}ann_-123$/)
      expect(ownerTagOf(id)).toBe(TAG)
      expect(ownerOf(id, TAG)).toBe('same')
    }
    // Each has random bytes of its own, also where the pool of them begins again.
    const pieces = ids.flatMap((id) => [id.slice(0, 8), id.slice(8, 16), id.slice(16, 24)])
    expect(new Set(pieces).size).toBe(3000)
  })

  it('tells without a look-up that it is another user’s', () => {
    expect(ownerOf(newSessionId('ben_-123'), TAG)).toBe('other')
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
    expect(ownerOf(id, TAG)).toBe('malformed')
  })
})
