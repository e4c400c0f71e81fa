import { beforeEach, describe, expect, it } from 'vitest'
import { Closing, SluiceError } from '../../../src/errors.ts'
import { publicIdOf } from '../../../src/session/session-id.ts'
import { Users, type UsersPorts } from '../../../src/session/users.ts'

const TAKEN = { session: 's', claim: 7, detachedForMs: 0, recovered: true }

let done: unknown[]
let sent: 'sent' | 'degraded'
let unheard: boolean
let newerHere: boolean
let here: boolean
let away: boolean
let users: Users

beforeEach(() => {
  done = []
  sent = 'sent'
  unheard = newerHere = away = false
  here = true
  const store = <T>(what: readonly unknown[], answer: T): Promise<T> => {
    if (away) return Promise.reject(new SluiceError('unavailable', 'away'))
    done.push(what)
    return Promise.resolve(answer)
  }
  users = new Users({
    registry: {
      locate: (user: string) =>
        store(
          ['locate', user],
          ['s1', 's2', 's3'].map((session) => ({ session, node: 'n2' })),
        ),
      disconnect: (user: string, forMs: number) => store(['registry disconnect', user, forMs], 41),
      revoke: (user: string, beforeMs: number, forMs: number) =>
        store(['registry revoke', user, beforeMs, forMs], undefined),
    },
    backbone: {
      control: (to: string | undefined, payload: Uint8Array) => {
        done.push(['told', to, JSON.parse(Buffer.from(payload).toString())])
        return sent
      },
    },
    sessions: {
      endUpTo: (user: string, claim: number) => void done.push(['endUpTo', user, claim]),
      revoke: (user: string, beforeMs: number) => void done.push(['revoke', user, beforeMs]),
      overtake: (taken: unknown) => {
        expect(taken).toBe(TAKEN)
        return newerHere
      },
      end: (session: string, closing: Closing) => {
        done.push(['end', session, closing.why])
        return here
      },
      reclaim: (session: string) => {
        done.push(['reclaim', session])
        return Promise.resolve()
      },
    },
    clock: { now: () => 1234 },
    rememberedMs: 5000,
    someUnheard: () => unheard,
    revoked: () => void done.push('counted a revocation'),
    tookAway: () => void done.push('counted a take-over'),
  } as unknown as UsersPorts)
})

describe('an operator', () => {
  it('sees where a user is connected', async () => {
    expect(await users.locate('ann')).toHaveLength(3)
    expect(done).toEqual([['locate', 'ann']])
  })

  it('ends the connections of a user: first where nodes look that are not told, then by telling all', async () => {
    expect(await users.disconnectEverywhere('ann')).toEqual({ count: 3 })
    expect(done).toEqual([
      ['locate', 'ann'],
      ['registry disconnect', 'ann', 5000],
      ['told', undefined, { kind: 'disconnect', user: 'ann', claim: 41 }],
    ])
  })

  it('ends them in the words of a backend', async () => {
    const as = { code: 4000, reason: 'enough' }
    await users.disconnectEverywhere('ann', as)
    expect(done.at(-1)).toEqual(['told', undefined, { kind: 'disconnect', user: 'ann', claim: 41, as }])
  })

  it('wants something of some of his connections, by either of their names, of those that are there', async () => {
    const end = { kind: 'end' } as const
    expect(await users.orderSome('ann', { named: [], but: [publicIdOf('s2')] }, end)).toEqual({ count: 2 })
    expect(await users.orderSome('ann', { named: ['s1', publicIdOf('s1')], but: [] }, end)).toEqual({
      count: 1,
    })
    expect(await users.orderSome('ann', { named: ['s1', 's2'], but: [] }, end)).toEqual({ count: 0 })
    expect(done.filter((one) => (one as unknown[])[0] === 'told')).toEqual([
      ['told', 'n2', { kind: 'order', sessions: ['s1', 's3'], order: end }],
      ['told', 'n2', { kind: 'order', sessions: ['s1'], order: end }],
    ])
    unheard = true
    expect(await users.orderSome('ann', { named: ['s1'], but: [] }, end)).toEqual({
      count: 1,
      degraded: true,
    })
  })

  it('revokes the tokens of a user until now: first where every new connection looks, then by telling all', async () => {
    expect(await users.revokeEverywhere('ann')).toEqual({ beforeMs: 1234 })
    expect(done).toEqual([
      ['registry revoke', 'ann', 1234, 5000],
      ['told', undefined, { kind: 'revoke', user: 'ann', beforeMs: 1234 }],
    ])
  })

  it.each([
    ['the backbone does not reach all', () => void (sent = 'degraded')],
    ['some node does not hear what is told to all', () => void (unheard = true)],
  ])('is told that a node may hear of it late, where %s', async (_, make) => {
    make()
    expect(await users.disconnectEverywhere('ann')).toEqual({ count: 3, degraded: true })
    expect(await users.revokeEverywhere('ann')).toEqual({ beforeMs: 1234, degraded: true })
  })

  it('is told that nothing was done where the registry is away, and nobody else is told anything', async () => {
    away = true
    await expect(users.disconnectEverywhere('ann')).rejects.toMatchObject({ code: 'unavailable' })
    await expect(users.revokeEverywhere('ann')).rejects.toMatchObject({ code: 'unavailable' })
    expect(done).toEqual([])
  })
})

describe('a node that is told', () => {
  it('of a disconnection ends those connections', () => {
    users.disconnect('ann', 41)
    expect(done).toEqual([['endUpTo', 'ann', 41]])
  })

  it('of a revocation counts it, and ends who is connected with such a token', () => {
    users.revoke('ann', 1234)
    expect(done).toEqual(['counted a revocation', ['revoke', 'ann', 1234]])
  })

  it('of a claim that was given up looks whether the session is its own again', () => {
    users.givenUp('s')
    expect(done).toEqual([['reclaim', 's']])
  })

  it('of a newer connection elsewhere ends the older one here, and counts it', () => {
    users.takenOver(TAKEN, () => false)
    expect(done).toEqual([['end', 's', 'takenOver'], 'counted a take-over'])
  })

  it('of a newer connection elsewhere counts nothing where the session is not here', () => {
    here = false
    users.takenOver(TAKEN, () => false)
    expect(done).toEqual([['end', 's', 'takenOver']])
  })

  it('of a newer connection elsewhere leaves it to a client that it has sent away to close the older one', () => {
    users.takenOver(TAKEN, () => true)
    expect(done).toEqual([])
  })

  it('of a connection elsewhere lets go of nothing where one that is newer still serves here', () => {
    newerHere = true
    let asked = false
    users.takenOver(TAKEN, () => (asked = true))
    expect([done, asked]).toEqual([[], false])
  })
})
