import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { PatternPermissions } from '../../../src/auth/permissions.ts'
import { SluiceError } from '../../../src/errors.ts'
import { carriedOver, withAllStanding, withGranting } from '../../../src/session/more-permissions.ts'
import type { Identity } from '../../../src/session/ports.ts'
import { answerIn } from '../../../src/webhooks/hook-answer.ts'
import { Grants } from '../../../src/webhooks/granted.ts'
import { Hooks, type HooksOptions, type Question } from '../../../src/webhooks/hooks.ts'
import { MemoryGrantStore } from '../../../src/webhooks/memory-grants.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const TIMEOUT_MS = 2_000

let clock: ManualClock
let grants: MemoryGrantStore
let asked: Question[]
let answers: ((text: string | Error) => void)[]
let counted: string[]

function nodeOf(more: Partial<HooksOptions> = {}): Hooks {
  return new Hooks(
    {
      ...{ connect: true, asksFor: (channel) => channel.startsWith('asked:'), whenAway: 'refuse' },
      ...{ timeoutMs: TIMEOUT_MS, underWayMax: 2, grantMs: 60_000, ...more },
    },
    {
      ...{ grants, clock, failed: () => undefined, warn: (why) => void counted.push(why) },
      ask(question) {
        asked.push(question)
        return new Promise((resolve, reject) =>
          answers.push((text) => (text instanceof Error ? reject(text) : resolve(text))),
        )
      },
      counts: {
        granted: () => void counted.push('granted'),
        kept: () => void counted.push('kept'),
        refused: () => void counted.push('refused'),
        away: () => void counted.push('away'),
      },
    },
  )
}

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

/** What becomes of it, in a word. */
async function outcome(decided: Promise<unknown> | undefined): Promise<string> {
  try {
    await decided
    return 'in'
  } catch (error) {
    if (error instanceof SluiceError) return `${error.code}: ${error.message}`
    throw error
  }
}

async function answer(text: string | Error): Promise<void> {
  await settled()
  answers.shift()?.(text)
  await settled()
}

describe('a backend that has a say', () => {
  beforeEach(() => {
    clock = new ManualClock()
    grants = new MemoryGrantStore(clock)
    ;[asked, answers, counted] = [[], [], []]
  })

  it('K1 is asked once, whoever asks meanwhile, and not again at another node until the grant is over', async () => {
    const [one, other] = [nodeOf(), nodeOf()]
    const both = [outcome(one.mayConnect('ann')), outcome(one.mayConnect('ann'))]
    await answer('{"allow":true}')
    expect(await Promise.all(both)).toEqual(['in', 'in'])
    expect(await outcome(other.mayConnect('ann'))).toBe('in')
    expect(asked).toEqual([{ type: 'connect', user: 'ann' }])
    expect(counted).toEqual(['granted', 'kept'])
    clock.pass(60_000)
    void outcome(other.mayConnect('ann'))
    await settled()
    expect(asked).toHaveLength(2)
  })

  it('K1 says how long a grant is good, and its refusal is one for a moment', async () => {
    const node = nodeOf()
    const first = outcome(node.maySubscribe('ann', 'asked:1'))
    await answer('{"allow":true,"ttl":5}')
    expect(await first).toBe('in')
    clock.pass(5_000)
    const second = outcome(node.maySubscribe('ann', 'asked:1'))
    await answer('{"allow":false,"reason":"not\\u0007 paid"}')
    expect(await second).toBe('forbidden: not? paid')
    expect(await outcome(node.maySubscribe('ann', 'asked:1'))).toBe('forbidden: not? paid')
    expect(asked).toHaveLength(2)
    clock.pass(5_000)
    void outcome(node.maySubscribe('ann', 'asked:1'))
    await settled()
    expect(asked).toHaveLength(3)
    expect(node.maySubscribe('ann', 'free:1')).toBeUndefined()
    expect(nodeOf({ connect: false }).mayConnect('ann')).toBeUndefined()
  })

  it('K2 is asked no more than so much at once, and who waits for longer than a call may take is told so', async () => {
    const node = nodeOf()
    const users = ['a', 'b', 'c', 'd'].map((user) => outcome(node.mayConnect(user)))
    await settled()
    expect(asked).toHaveLength(2)
    await answer('{"allow":true}')
    expect(asked.map(({ user }) => user)).toEqual(['a', 'b', 'c'])
    clock.pass(TIMEOUT_MS)
    expect(await users[3]).toMatch(/^unavailable: the backend that decides this did not answer/)
    await answer('{"allow":true}')
    await answer('{"allow":true}')
    expect(await Promise.all(users.slice(0, 3))).toEqual(['in', 'in', 'in'])
  })

  it.each([new Error('it answered 500'), '{"allow":"yes"}', 'no JSON', '[]'])(
    'K3 that does not say yes or no leaves it to whenAway, and nothing is kept: %s',
    async (said) => {
      const refused = outcome(nodeOf().mayConnect('ann'))
      await answer(said)
      expect(await refused).toMatch(/^unavailable/)
      const tokens = nodeOf({ whenAway: 'token' })
      const letIn = outcome(tokens.mayConnect('ann'))
      await answer(said)
      expect(await letIn).toBe('in')
      void outcome(tokens.mayConnect('ann'))
      await settled()
      expect(asked).toHaveLength(3)
    },
  )

  it.each([
    '{"allow":true,"permissions":[]}',
    '{"allow":true,"permissions":null}',
    '{"allow":true,"permissions":{"subscriptions":["a"]}}',
    '{"allow":true,"permissions":{"subscribe":"a"}}',
    '{"allow":true,"permissions":{"subscribe":["a*b"]}}',
    JSON.stringify({ allow: true, permissions: { publish: Array.from({ length: 257 }, () => 'a') } }),
  ])('gives no answer with permissions that are none: %s', (text) => {
    expect(answerIn(text)).toBeUndefined()
  })

  it('says what he may, and that is kept for other nodes', async () => {
    const [one, other] = [nodeOf(), nodeOf()]
    const permissions = { subscribe: ['news'] }
    const first = one.mayConnect('ann')
    await answer(JSON.stringify({ allow: true, permissions }))
    expect([await first, await other.mayConnect('ann')]).toEqual([
      { allow: true, permissions },
      { allow: true, permissions },
    ])
    expect(asked).toHaveLength(1)
  })

  it('is read as it is kept', () => {
    expect(answerIn('{"allow":true,"ttl":90}')).toEqual({ allow: true, ttlMs: 90_000 })
    expect(answerIn(JSON.stringify(answerIn('{"allow":true,"ttl":90}')))).toEqual({
      allow: true,
      ttlMs: 90_000,
    })
    expect(answerIn('{"allow":true,"ttl":1e12}')?.ttlMs).toBe(30 * 86_400_000)
  })
})

describe('what a backend says that a user may', () => {
  const patterns = fc.array(fc.constantFrom('*', 'a*', 'a:1', 'b', 'b*', 'c:*'), { maxLength: 3 })
  const said = fc.option(patterns, { nil: undefined })
  const channels = fc.constantFrom('a:1', 'a:2', 'b', 'b:1', 'c:1', 'd', '@ann')
  const kinds = [
    ['subscribe', 'maySubscribe'],
    ['publish', 'mayPublish'],
    ['history', 'mayReadHistory'],
  ] as const

  it.each(kinds)('G1 to G3 of %s', (kind, may) => {
    fc.assert(
      fc.property(said, patterns, patterns, channels, (named, ofToken, ofGrants, channel) => {
        const made = (list: readonly string[]): PatternPermissions => {
          const all = { subscribe: [], publish: [], history: [], [kind]: list }
          return new PatternPermissions(all.subscribe, all.publish, all.history)
        }
        const answered = { allow: true, permissions: named === undefined ? {} : { [kind]: named } }
        const token = made(ofToken)
        const over = new Grants(made(ofGrants)).of(answered)?.over(token)
        const expected =
          named === undefined
            ? token[may](channel)
            : made(named)[may](channel) && (token[may](channel) || made(ofGrants)[may](channel))
        expect(over?.[may](channel)).toBe(expected)
        if (channel.startsWith('@')) expect(expected).toBe(false)
      }),
    )
  })

  it('is nothing where it does not say, and the token is as it was', () => {
    const beyond = new Grants(new PatternPermissions(['*'], ['*'], ['*']))
    expect(beyond.of(undefined)).toBeUndefined()
    expect(beyond.of({ allow: true })).toBeUndefined()
  })

  it('goes over each fresh token, beside what a backend has put the client on', () => {
    const permissions = new PatternPermissions(['a', 'b'], [], [])
    const identity = { user: 'ann', permissions, expiresAtMs: undefined, issuedAtMs: undefined }
    const granting = new Grants(new PatternPermissions(['c'], [], [])).of({
      allow: true,
      permissions: { subscribe: ['a', 'c', 'd'] },
    })
    const first = withAllStanding(withGranting(identity, granting), new Set(['e']))
    const fresh = { ...identity, permissions: new PatternPermissions(['b', 'd'], [], []) }
    const mays = ({ permissions: now }: Identity): string =>
      ['a', 'b', 'c', 'd', 'e'].filter((channel) => now.maySubscribe(channel)).join('')
    expect([mays(first), mays(carriedOver(first, fresh))]).toEqual(['ace', 'cde'])
    expect(withGranting(identity, undefined)).toBe(identity)
  })
})
