import { describe, expect, it } from 'vitest'
import { Attempts, isOvertaken } from '../../../src/session/attempts.ts'

const taken = (claim: number) => ({ session: 's', claim, detachedForMs: 0, recovered: true })

describe('an attempt', () => {
  it('is overtaken by the newest connection of its session, in whatever order it hears of them', () => {
    const attempts = new Attempts()
    const attempt = attempts.begin('ann', 's')
    for (const claim of [1, 4, 2]) attempts.overtake(taken(claim))
    expect(isOvertaken(attempt)).toBe(false)
    attempt.claim = 3
    expect(isOvertaken(attempt)).toBe(true)
    expect(attempt.overtakenBy).toEqual(taken(4))
  })

  it('is not overtaken by an older connection, nor by one of another session', () => {
    const attempts = new Attempts()
    const attempt = attempts.begin('ann', 's')
    attempt.claim = 3
    attempts.overtake(taken(2))
    attempts.overtake({ ...taken(9), session: 'other' })
    expect(isOvertaken(attempt)).toBe(false)
  })

  it('remembers the latest of several revocations of its user', () => {
    const attempts = new Attempts()
    const attempt = attempts.begin('ann', undefined)
    attempts.revoke('bob', 9)
    for (const beforeMs of [2, 5, 3]) attempts.revoke('ann', beforeMs)
    expect(attempt.revokedBeforeMs).toBe(5)
  })

  it('that has ended leaves nothing behind', () => {
    const attempts = new Attempts()
    const [first, second] = [attempts.begin('ann', 's'), attempts.begin('ann', 's')]
    attempts.end(first)
    attempts.end(first)
    expect(attempts.inherit('s', new Set(['n1']))).toBe(true)
    expect([...second.before]).toEqual(['n1'])
    attempts.end(second)
    expect(attempts.inherit('s', new Set(['n1']))).toBe(false)
  })
})
