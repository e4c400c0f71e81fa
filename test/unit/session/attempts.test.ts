import { afterEach, describe, expect, it, vi } from 'vitest'
import { Attempts, endedByOperator, isEnded, isOvertaken, takenOver } from '../../../src/session/attempts.ts'

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

afterEach(() => vi.restoreAllMocks())

it('a session that nobody is on the way to any more has no entry', () => {
  const kept = vi.spyOn(Map.prototype, 'set')
  const attempts = new Attempts()
  for (let i = 0; i < 10; i++) attempts.end(attempts.begin('ann', `s${i}`))
  const maps = kept.mock.contexts as Map<unknown, unknown>[]
  expect(maps.length).toBeGreaterThan(0)
  expect(maps.map(({ size }) => size)).toEqual(maps.map(() => 0))
})

describe('several attempts', () => {
  it('of one session are each overtaken, and the newest inherits whom to tell', () => {
    const attempts = new Attempts()
    const [first, second] = [attempts.begin('ann', 's'), attempts.begin('ann', 's')]
    attempts.overtake(taken(9))
    expect([first.overtakenBy, second.overtakenBy]).toEqual([taken(9), taken(9)])
    expect(attempts.inherit('s', new Set(['n1', 'n2']))).toBe(true)
    expect([...first.before]).toEqual([])
    expect([...second.before]).toEqual(['n1', 'n2'])
  })

  it('of one session are told on when another of them has ended', () => {
    const attempts = new Attempts()
    const [first, second, third] = ['', '', ''].map(() => attempts.begin('ann', 's')) as [never, never, never]
    attempts.end(second)
    attempts.overtake(taken(9))
    expect([first, second, third].map(({ overtakenBy }: { overtakenBy: unknown }) => overtakenBy)).toEqual([
      taken(9),
      undefined,
      taken(9),
    ])
  })

  it('that have ended hear nothing more', () => {
    const attempts = new Attempts()
    const attempt = attempts.begin('ann', 's')
    const fresh = attempts.begin('ann', undefined)
    attempts.end(attempt)
    attempts.end(fresh)
    attempts.revoke('ann', 5)
    attempts.endUpTo('ann', 5)
    attempts.overtake(taken(5))
    for (const { revokedBeforeMs, endedUpTo, overtakenBy } of [attempt, fresh])
      expect([revokedBeforeMs, endedUpTo, overtakenBy]).toEqual([undefined, 0, undefined])
  })

  it('without a session are not told of connections', () => {
    const attempts = new Attempts()
    const fresh = attempts.begin('ann', undefined)
    attempts.overtake({ ...taken(9), session: undefined as never })
    expect(fresh.overtakenBy).toBeUndefined()
  })
})

describe('an attempt whose user was disconnected', () => {
  it('remembers the latest of several, of its own user', () => {
    const attempts = new Attempts()
    const attempt = attempts.begin('ann', 's')
    attempts.endUpTo('bob', 9)
    for (const claim of [2, 5, 3]) attempts.endUpTo('ann', claim)
    expect(attempt.endedUpTo).toBe(5)
  })

  it('is ended where its claim is not after that, and not known to be before it is answered', () => {
    expect(isEnded({ claim: undefined, endedUpTo: 5 })).toBe(false)
    expect(isEnded({ claim: 4, endedUpTo: 5 })).toBe(true)
    expect(isEnded({ claim: 5, endedUpTo: 5 })).toBe(true)
    expect(isEnded({ claim: 6, endedUpTo: 5 })).toBe(false)
  })
})

it('an attempt is not overtaken by a connection with its own claim: that is its own', () => {
  const attempts = new Attempts()
  const attempt = attempts.begin('ann', 's')
  attempt.claim = 3
  expect(isOvertaken(attempt)).toBe(false)
  attempts.overtake(taken(3))
  expect(isOvertaken(attempt)).toBe(false)
})

it('who is ended is told why', () => {
  expect(endedByOperator()).toMatchObject({
    why: 'forbidden',
    code: 'forbidden',
    message: 'an operator has ended the connections of this user',
  })
  expect(takenOver()).toMatchObject({
    why: 'takenOver',
    code: 'forbidden',
    message: 'a newer connection has taken the session over',
  })
})
