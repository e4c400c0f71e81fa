import { beforeEach, describe, expect, it } from 'vitest'
import { SluiceError } from '../../../src/errors.ts'
import type { Orders } from '../../../src/registry/registry.ts'
import { OrderWatch } from '../../../src/session/orders.ts'
import { TokenHolders } from '../../../src/session/token-holders.ts'
import type { Session } from '../../../src/session/session.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { settled } from '../../support/session-world.ts'

/** When a node looks, and for what; what it does then is in `orders.test.ts`. */

const NONE: Orders = {
  nowMs: 500_000,
  complete: true,
  revoked: new Map(),
  disconnected: new Map(),
  changed: new Set<string>(),
}

let clock: ManualClock
let hears: boolean
/** When the registry was asked, and since when. */
let asked: (readonly [atMs: number, sinceMs: number])[]
let answer: () => Promise<Orders>
let revoked: (user: string) => Promise<number | undefined>
let sessions: Map<string, Session>
let obeyed: unknown[]
let failures: unknown[]
let watch: OrderWatch
let looked: number

beforeEach(() => {
  clock = new ManualClock(0)
  clock.drawn = 0
  hears = true
  asked = []
  answer = () => Promise.resolve(NONE)
  revoked = () => Promise.resolve(undefined)
  sessions = new Map()
  obeyed = []
  failures = []
  looked = 0
  watch = new OrderWatch({
    registry: {
      orders: (sinceMs: number) => {
        asked.push([clock.now(), sinceMs])
        return answer()
      },
      revoked: (user: string) => revoked(user),
      standing: () => Promise.resolve([]),
    },
    sessions: {
      all: () => {
        looked++
        return sessions.values()
      },
      get: (id: string) => sessions.get(id),
      holders: new TokenHolders({ isRevoked: () => false }),
      obey: (session: Session, beforeMs: number | undefined, endedUpTo: number | undefined) =>
        void obeyed.push([session.id, beforeMs, endedUpTo]),
    },
    clock,
    hears: () => hears,
    failed: (what: string, error: unknown) => void failures.push([what, error]),
  })
})

function connect(count: number): void {
  for (let i = 0; i < count; i++) {
    const id = `s${sessions.size}`
    sessions.set(id, { id, user: `u${sessions.size}` } as unknown as Session)
  }
}

async function pass(ms: number): Promise<void> {
  clock.pass(ms)
  await settled()
}

describe('a node that looks for what was decided', () => {
  it.each([
    [true, 0, 30_000],
    [true, 0.5, 45_000],
    [false, 0, 2000],
    [false, 0.5, 3000],
  ])('does so again and again (hears %s, drawn %d) after %d ms', async (hearing, drawn, ms) => {
    hears = hearing
    clock.drawn = drawn
    // The first pause was drawn before.
    await pass(30_000)
    asked = []
    const fromMs = clock.now()
    await pass(ms - 1)
    expect(asked).toEqual([])
    await pass(1)
    await pass(ms)
    expect(asked.map(([atMs]) => atMs - fromMs)).toEqual([ms, 2 * ms])
  })

  it('asks for what was decided since the last look and a minute before, by the clock of the store', async () => {
    await pass(30_000)
    answer = () => Promise.resolve({ ...NONE, nowMs: 40_000 })
    await pass(30_000)
    await pass(30_000)
    expect(asked.map(([, sinceMs]) => sinceMs)).toEqual([0, 440_000, 0])
  })

  it('asks for everything within a second once the backbone or the store is back, and once', async () => {
    await pass(30_000)
    clock.drawn = 0.5
    watch.returned()
    watch.returned()
    await pass(499)
    expect(asked).toHaveLength(1)
    await pass(1)
    await pass(10_000)
    expect(asked.slice(1)).toEqual([[30_500, 0]])
    expect(clock.timers).toBe(1)
  })

  it('asks for everything again where it was called back while it looked', async () => {
    let give = (_orders: Orders): void => undefined
    answer = () => new Promise((resolve) => (give = resolve))
    await pass(30_000)
    watch.returned()
    // It looks already.
    await pass(0)
    expect(asked).toHaveLength(1)
    give(NONE)
    await settled()
    // As soon as it has looked.
    await pass(0)
    give(NONE)
    await settled()
    await pass(30_000)
    expect(asked).toEqual([
      [30_000, 0],
      [30_000, 0],
      [60_000, 440_000],
    ])
  })

  it('has one timer, also while it looks and when it is asked to look at once', async () => {
    expect(clock.timers).toBe(1)
    await watch.look()
    expect([asked.length, clock.timers]).toEqual([1, 1])
    let give = (_orders: Orders): void => undefined
    answer = () => new Promise((resolve) => (give = resolve))
    const looking = watch.look()
    expect(clock.timers).toBe(0)
    await watch.look()
    expect(asked).toHaveLength(2)
    give(NONE)
    await looking
    expect(clock.timers).toBe(1)
  })

  it('tells nobody that the store was away, and of every other fault, and asks for the same again', async () => {
    answer = () => Promise.reject(new SluiceError('unavailable', 'away'))
    await pass(30_000)
    expect(failures).toEqual([])
    const fault = new TypeError('a fault')
    answer = () => Promise.reject(fault)
    await pass(30_000)
    expect(failures).toEqual([['comparing revocations', fault]])
    await pass(30_000)
    expect(asked.map(([, sinceMs]) => sinceMs)).toEqual([0, 0, 0])
  })

  it('looks no more once it is closed', async () => {
    watch.close()
    expect(clock.timers).toBe(0)
    watch.returned()
    expect(clock.timers).toBe(0)
    await watch.look()
    expect(asked).toEqual([])
  })

  it('stops where it is closed while it looks', async () => {
    let give = (_orders: Orders): void => undefined
    answer = () => new Promise((resolve) => (give = resolve))
    await pass(30_000)
    watch.close()
    give(NONE)
    await settled()
    expect(clock.timers).toBe(0)
  })
})

describe('what was decided', () => {
  const REVOKED = { ...NONE, revoked: new Map([['u1', 77]]) }

  it('is compared with each session, each with what is about its user', async () => {
    connect(3)
    answer = () => Promise.resolve({ ...REVOKED, disconnected: new Map([['u2', 5]]) })
    await pass(30_000)
    expect(obeyed).toEqual([
      ['s0', undefined, undefined],
      ['s1', 77, undefined],
      ['s2', undefined, 5],
    ])
  })

  it('is compared also where it is disconnections alone, and with nobody where it is nothing', async () => {
    connect(1)
    await pass(30_000)
    expect(looked).toBe(0)
    answer = () => Promise.resolve({ ...NONE, disconnected: new Map([['u0', 5]]) })
    await pass(30_000)
    expect(obeyed).toEqual([['s0', undefined, 5]])
  })

  it('is compared with 2,000 sessions in a turn, and with no more of them where it is closed meanwhile', async () => {
    connect(4001)
    answer = () => Promise.resolve(REVOKED)
    await pass(30_000)
    expect(obeyed).toHaveLength(2000)
    await pass(0)
    expect(obeyed).toHaveLength(4000)
    watch.close()
    await pass(0)
    expect(obeyed.length).toBeLessThanOrEqual(4000)
    expect(clock.timers).toBe(0)
  })
})

describe('where more was decided than is remembered', () => {
  beforeEach(() => {
    answer = () => Promise.resolve({ ...NONE, complete: false })
  })

  it('each session’s user is asked for, a hundred at a time with a pause in between', async () => {
    const users: string[] = []
    revoked = (user) => {
      users.push(user)
      return Promise.resolve(user === 'u1' ? 77 : undefined)
    }
    connect(201)
    await pass(30_000)
    expect(users).toHaveLength(100)
    await pass(99)
    expect(users).toHaveLength(100)
    await pass(1)
    expect(users).toHaveLength(200)
    await pass(100)
    expect(new Set(users).size).toBe(201)
    expect(obeyed).toHaveLength(201)
    expect(obeyed[1]).toEqual(['s1', 77, undefined])
    // And the next look asks for what is new.
    answer = () => Promise.resolve(NONE)
    await pass(30_000)
    expect(asked.map(([, sinceMs]) => sinceMs)).toEqual([0, 440_000])
  })

  it('the next hundred are asked for when the ones before are answered, and nobody where it is closed meanwhile', async () => {
    const answers: (() => void)[] = []
    revoked = () => new Promise((resolve) => answers.push(() => resolve(undefined)))
    connect(300)
    await pass(30_000)
    await pass(1000)
    expect(answers).toHaveLength(100)
    for (const one of answers) one()
    await settled()
    await pass(100)
    expect(answers).toHaveLength(200)
    for (const one of answers) one()
    await settled()
    watch.close()
    await pass(100)
    expect(answers).toHaveLength(200)
    expect(clock.timers).toBe(0)
  })

  it('a session that has gone meanwhile is left alone', async () => {
    let give = (_beforeMs: number): void => undefined
    revoked = () => new Promise((resolve) => (give = resolve))
    connect(1)
    await pass(30_000)
    sessions.clear()
    give(77)
    await settled()
    expect([obeyed, failures]).toEqual([[], []])
  })

  it('waits for the last of them, and asks for everything again where one was not answered', async () => {
    connect(2)
    revoked = (user) =>
      user === 'u1' ? Promise.reject(new SluiceError('unavailable', 'away')) : Promise.resolve(undefined)
    await pass(30_000)
    await pass(30_000)
    expect(asked.map(([, sinceMs]) => sinceMs)).toEqual([0, 0])
  })
})
