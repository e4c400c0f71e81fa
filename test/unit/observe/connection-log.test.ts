import { describe, expect, it } from 'vitest'
import { Account, UNCOUNTED_MS } from '../../../src/observe/account.ts'
import { ConnectionLog, type ConnectionLogOptions } from '../../../src/observe/connection-log.ts'
import type { Ended } from '../../../src/errors.ts'
import type { SeenSession } from '../../../src/observe/witness.ts'
import { ManualClock } from '../../support/manual-clock.ts'

interface Line extends Readonly<Record<string, unknown>> {
  readonly message: string
}

function connectionLog(options: Partial<ConnectionLogOptions> = {}) {
  const clock = new ManualClock()
  const lines: Line[] = []
  const log = {
    level: 'info',
    info: (fields: object, message: string) => void lines.push({ ...fields, message }),
  }
  const subject = new ConnectionLog({ share: 1, linesPerSecond: 100, ...options }, { log, clock })
  return { clock, lines, log, subject }
}

function session(user: string, transport: 'websocket' | 'sse' | 'poll' = 'websocket'): SeenSession {
  return {
    id: `s-${user}`,
    user,
    connection: { transport, stays: transport !== 'poll' },
    subscriptions: () => [],
  }
}

/** As a session has it. */
function accountSince(beganMs: number | undefined): Account | undefined {
  const account = new Account()
  account.beganMs = beganMs ?? UNCOUNTED_MS
  return account.account
}

describe('the lines of a connection', () => {
  it('say who began, and for how long, with what and why he ended', () => {
    const { clock, lines, subject } = connectionLog()
    const ann = session('ann')
    const account = accountSince(subject.began(ann, { resume: 'resumed', client: 'sluice-js/1.2.0' }))
    expect(lines).toEqual([
      {
        user: 'ann',
        session: 's-ann',
        transport: 'websocket',
        client: 'sluice-js/1.2.0',
        resume: 'resumed',
        message: 'a connection began',
      },
    ])
    // A channel that has had 10 messages of 1000 bytes, and has 4 more of 400 while ann is on it.
    account?.joined(10, 1000)
    account?.received(30)
    account?.delivered()
    account?.sent(50)
    account?.left(14, 1400)
    clock.pass(2500)
    subject.ended(ann, account, { why: 'tooSlow', code: 4508 })
    expect(lines[1]).toEqual({
      user: 'ann',
      session: 's-ann',
      transport: 'websocket',
      forMs: 2500,
      messages: 5,
      bytesOut: 450,
      frames: 1,
      bytesIn: 30,
      why: 'too_slow',
      code: 4508,
      message: 'a connection ended',
    })
  })

  it.each([
    [{ code: 1001 }, { why: 'client', code: 1001 }],
    [{ code: 1006 }, { why: 'lost', code: 1006 }],
    [{}, { why: 'lost' }],
    [{ why: 'answered' as const }, { why: 'answered' }],
  ])('name the end %j', (ended: Ended, said) => {
    const { lines, subject } = connectionLog()
    const ann = session('ann', 'sse')
    subject.ended(ann, accountSince(subject.began(ann, { resume: 'new', client: undefined })), ended)
    expect(lines[1]).toMatchObject(said)
    if (!('code' in said)) expect(lines[1]).not.toHaveProperty('code')
  })

  it('are one for a poll, which is over before anybody reads of its begin', () => {
    const { lines, subject } = connectionLog()
    const ann = session('ann', 'poll')
    subject.ended(ann, accountSince(subject.began(ann, { resume: 'new', client: undefined })), {
      why: 'answered',
    })
    expect(lines.map(({ message }) => message)).toEqual(['a connection ended'])
  })

  it('are not written at a level that does not show them, and nothing is counted', () => {
    const { lines, log, subject } = connectionLog()
    log.level = 'warn'
    const ann = session('ann')
    const account = accountSince(subject.began(ann, { resume: 'new', client: undefined }))
    expect(account).toBeUndefined()
    log.level = 'info'
    subject.ended(ann, account, { code: 1000 })
    expect(lines).toEqual([])
  })
})

describe('a share of the users', () => {
  it('is about as large as was said, and all connections of a user are in it or none', () => {
    const { subject } = connectionLog({ share: 0.25, linesPerSecond: 0 })
    const users = Array.from({ length: 2000 }, (_, n) => `user-${n}`)
    const logged = users.filter(
      (user) => subject.began(session(user), { resume: 'new', client: undefined }) !== undefined,
    )
    expect(logged.length).toBeGreaterThan(400)
    expect(logged.length).toBeLessThan(600)
    // Another node decides alike.
    const other = connectionLog({ share: 0.25, linesPerSecond: 0 }).subject
    expect(
      users.filter((user) => other.began(session(user), { resume: 'new', client: undefined }) !== undefined),
    ).toEqual(logged)
  })

  it('of 0 is nobody', () => {
    const { subject } = connectionLog({ share: 0 })
    expect(subject.began(session('ann'), { resume: 'new', client: undefined })).toBeUndefined()
  })
})

describe('a herd', () => {
  it('is logged up to the limit of a second, and then counted in a line', () => {
    const { clock, lines, subject } = connectionLog({ linesPerSecond: 3 })
    const here = ['a', 'b', 'c', 'd', 'e'].map((user) => {
      const one = session(user)
      return [one, accountSince(subject.began(one, { resume: 'new', client: undefined }))] as const
    })
    expect(lines).toHaveLength(3)
    for (const [one, account] of here.slice(0, 4))
      subject.ended(one, account, { why: 'goingAway', code: 1012 })
    expect(lines).toHaveLength(3)
    clock.pass(1000)
    expect(lines[3]).toMatchObject({ begins: 2, ends: 4, linesPerSecond: 3 })
    // The next second has lines of its own.
    const [last, account] = here[4] as (typeof here)[number]
    subject.ended(last, account, { code: 1000 })
    expect(lines[4]).toMatchObject({ user: 'e', message: 'a connection ended' })
    clock.pass(1000)
    expect(lines).toHaveLength(5)
    expect(clock.timers).toBe(0)
  })
})
