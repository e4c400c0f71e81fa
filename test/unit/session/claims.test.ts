import { beforeEach, describe, expect, it } from 'vitest'
import { SluiceError } from '../../../src/errors.ts'
import type { Claimed } from '../../../src/registry/registry.ts'
import { Attempts, type Attempt } from '../../../src/session/attempts.ts'
import { Claims } from '../../../src/session/claims.ts'
import type { Session } from '../../../src/session/session.ts'
import { settled } from '../../support/session-world.ts'

/** Node n1, whose registry answers as the test says, and what it tells others. */
let told: string[]
let released: string[]
let failures: (readonly [string, unknown])[]
let answer: Claimed
let releasing: () => Promise<void>
let attempts: Attempts
let claims: Claims

const NEW: Claimed = {
  claim: 7,
  known: false,
  previousNode: undefined,
  revokedBeforeMs: undefined,
  sessions: 1,
}

beforeEach(() => {
  told = []
  released = []
  failures = []
  answer = NEW
  releasing = () => Promise.resolve()
  attempts = new Attempts()
  claims = new Claims(
    {
      nodeId: 'n1',
      registry: {
        claim: (user: string, session: string, node: string) => {
          expect([user, session, node]).toEqual(['ann', 's', 'n1'])
          return Promise.resolve(answer)
        },
        release: (user: string, session: string, node: string) => {
          released.push(`${user} ${session} ${node}`)
          return releasing()
        },
      },
      former: {
        tookOver: (node: string, taken: { session: string; claim: number }) =>
          void told.push(`${node}: ${taken.session} is taken over by ${taken.claim}`),
        gaveUp: (node: string, session: string) => void told.push(`${node}: ${session} is given up`),
      },
      failed: (what: string, error: unknown) => void failures.push([what, error]),
    } as unknown as ConstructorParameters<typeof Claims>[0],
    attempts,
  )
})

const session = (claim: number): Session => ({ user: 'ann', id: 's', claim }) as unknown as Session

async function claimed(previousNode?: string, claim = 7): Promise<Attempt> {
  answer = { ...NEW, claim, previousNode }
  const attempt = attempts.begin('ann', 's')
  expect(await claims.claim(attempt, 's')).toBe(answer)
  return attempt
}

describe('a claim', () => {
  it('is remembered with the other node that had the session, and with no node where that was this one', async () => {
    const from = await claimed('n2')
    expect(from.claim).toBe(7)
    expect([...from.before]).toEqual(['n2'])
    expect([...(await claimed('n1')).before]).toEqual([])
    expect([...(await claimed()).before]).toEqual([])
  })

  it('that serves tells the nodes before, but for the one that is told already', async () => {
    const attempt = await claimed('n2')
    attempt.before.add('n3')
    claims.served(attempt, session(7), 'n2')
    expect(told).toEqual(['n3: s is taken over by 7'])
  })

  it('that serves overtakes an older one of its session that is on its way, which tells the nodes before it', async () => {
    const older = await claimed('n2', 5)
    const newer = await claimed('n1', 7)
    claims.served(newer, session(7), undefined)
    expect(older.overtakenBy).toEqual({ session: 's', claim: 7, detachedForMs: 0, recovered: true })
    expect(newer.overtakenBy).toBeUndefined()
    claims.gaveUp(older, 's', true)
    expect(told).toEqual(['n2: s is taken over by 7'])
  })
})

describe('a claim that is given up', () => {
  it('is released, and then the nodes before are told, so that they enter the session again', async () => {
    let release = (): void => undefined
    releasing = () => new Promise((resolve) => (release = resolve))
    claims.gaveUp(await claimed('n2'), 's', false)
    await settled()
    expect(released).toEqual(['ann s n1'])
    expect(told).toEqual([])
    release()
    await settled()
    expect(told).toEqual(['n2: s is given up'])
    expect(failures).toEqual([])
  })

  it('tells nobody where the registry is away: the entry ends by itself, and whoever has the session enters it', async () => {
    const error = new SluiceError('unavailable', 'away')
    releasing = () => Promise.reject(error)
    claims.gaveUp(await claimed('n2'), 's', false)
    await settled()
    expect(told).toEqual([])
    expect(failures).toEqual([['releasing a session in the registry', error]])
  })

  it('is left to another connection that is on its way, with the nodes to tell', async () => {
    const first = await claimed('n2')
    const second = await claimed('n1', 8)
    claims.gaveUp(first, 's', false)
    await settled()
    expect(released).toEqual([])
    expect([...second.before]).toEqual(['n2'])
  })

  it('is kept where an older connection serves here, until a newer one does, which tells the nodes before', async () => {
    claims.gaveUp(await claimed('n2'), 's', true)
    claims.gaveUp(await claimed('n3', 8), 's', true)
    await settled()
    expect(released).toEqual([])
    // Who has a newer one there than serves here finds the session here, and says so.
    expect(told).toEqual(['n2: s is given up', 'n3: s is given up'])
    told = []
    claims.served(await claimed('n1', 9), session(9), undefined)
    expect(told.toSorted()).toEqual(['n2: s is taken over by 9', 'n3: s is taken over by 9'])
    told = []
    claims.served(await claimed('n1', 10), session(10), undefined)
    expect(told).toEqual([])
  })
})

describe('a session whose connection has gone', () => {
  it('is released, and the nodes are told that lost it to a connection that never came', async () => {
    claims.gaveUp(await claimed('n2'), 's', true)
    told = []
    claims.left(session(7))
    await settled()
    expect(released).toEqual(['ann s n1'])
    expect(told).toEqual(['n2: s is given up'])
    claims.left(session(7))
    await settled()
    expect(told).toEqual(['n2: s is given up'])
  })

  it('is not released where another connection is on its way to it', async () => {
    claims.gaveUp(await claimed('n2'), 's', true)
    const next = await claimed('n1', 8)
    claims.left(session(7))
    await settled()
    expect(released).toEqual([])
    expect([...next.before]).toEqual(['n2'])
  })
})
