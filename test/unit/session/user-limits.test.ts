import { beforeEach, describe, expect, it } from 'vitest'
import { Closing, SluiceError } from '../../../src/errors.ts'
import { PatternPermissions } from '../../../src/auth/permissions.ts'
import { withStanding } from '../../../src/session/more-permissions.ts'
import type { Identity } from '../../../src/session/ports.ts'
import { UserQuotas, type QuotaLimits } from '../../../src/session/quotas.ts'
import {
  checkChannels,
  checkOneMore,
  checkSessions,
  takeConnection,
  takePublish,
} from '../../../src/session/user-limits.ts'

const IDENTITY = { user: 'ann', permissions: new PatternPermissions([], [], []) } as unknown as Identity
const on = (subscriptionCount: number) => ({
  ...{ user: 'ann', subscriptionCount, identity: IDENTITY },
  connection: {},
})
const OPTIONS = { subscriptionsMax: 3 }

const NONE = { connections: 0, subscriptions: 0, publishesPerSecond: 0 }

let hits: string[]
let nowMs: number
/** Of the user, each with its inbox. */
let connected: number

beforeEach(() => {
  hits = []
  nowMs = 0
  connected = 0
})

function portsOf(limits: Partial<QuotaLimits> = {}) {
  return {
    quotas: new UserQuotas({ ...NONE, ...limits }),
    metrics: { limitHit: (limit: string) => void hits.push(limit) },
    hub: { begunCount: (channel: string) => (channel === '@ann' ? connected : 0) },
    clock: { monotonicMs: () => nowMs },
  } as unknown as Parameters<typeof takeConnection>[0] & Parameters<typeof takePublish>[0]
}

function thrownBy(run: () => unknown): Closing | SluiceError {
  try {
    run()
  } catch (error) {
    return error as Closing
  }
  throw new Error('nothing was refused')
}

/** He may come back: 1013 and its like. */
function expectNotAdmitted(error: Closing | SluiceError, message: string): void {
  expect(error).toBeInstanceOf(Closing)
  expect(error).toMatchObject({ why: 'notAdmitted', code: 'limit_exceeded', message })
}

describe('one more connection of a user', () => {
  it('is counted as on its way where there is room for it and its channels', () => {
    const ports = portsOf({ connections: 2, subscriptions: 3 })
    connected = 1
    takeConnection(ports, 'ann', 3, false)
    expect(ports.quotas.arriving('ann')).toBe(1)
    expect(hits).toEqual([])
  })

  it('is refused beyond the connections that he has and that are on their way, but for one that takes another’s place', () => {
    const ports = portsOf({ connections: 2 })
    connected = 1
    takeConnection(ports, 'ann', 0, false)
    expectNotAdmitted(
      thrownBy(() => takeConnection(ports, 'ann', 0, false)),
      'the user has 2 connections to this node already; limits.connectionsPerUser allows no more',
    )
    expect(hits).toEqual(['connections_per_user'])
    expect(ports.quotas.arriving('ann')).toBe(1)
    takeConnection(ports, 'ann', 0, true)
    takeConnection(ports, 'ben', 0, false)
    expect(hits).toHaveLength(1)
  })

  it('is refused where its channels are too many beside those that he is on', () => {
    const ports = portsOf({ subscriptions: 3 })
    ports.quotas.subscribe('ann')
    expectNotAdmitted(
      thrownBy(() => takeConnection(ports, 'ann', 3, false)),
      'the user is on 1 channels of this node already, and 3 more were asked for; limits.subscriptionsPerUser allows 3',
    )
    expect(hits).toEqual(['subscriptions_per_user'])
    expect(ports.quotas.arriving('ann')).toBe(0)
  })

  it('is refused after all where others were faster with their channels', () => {
    const ports = portsOf({ subscriptions: 3 })
    checkChannels(ports, 'ann', 3)
    expect(hits).toEqual([])
    ports.quotas.subscribe('ann')
    expectNotAdmitted(
      thrownBy(() => checkChannels(ports, 'ann', 3)),
      'the user is on 1 channels of this node meanwhile; limits.subscriptionsPerUser allows 3',
    )
    expect(hits).toEqual(['subscriptions_per_user'])
  })
})

describe('one more channel', () => {
  it('of a connection may be as many as it may have beside the inbox, and is refused beyond that', () => {
    checkOneMore(portsOf(), OPTIONS, on(3), 'a')
    expect(hits).toEqual([])
    const error = thrownBy(() => checkOneMore(portsOf(), OPTIONS, on(4), 'a'))
    expect(error).toBeInstanceOf(SluiceError)
    expect(error).toMatchObject({
      code: 'limit_exceeded',
      message: '3 channels are subscribed to; limits.subscriptions allows no more',
    })
    expect(hits).toEqual(['subscriptions'])
  })

  it('of a user is refused beyond those that all his connections may have, and the connection goes on', () => {
    const ports = portsOf({ subscriptions: 1 })
    checkOneMore(ports, OPTIONS, on(1), 'a')
    ports.quotas.subscribe('ann')
    const error = thrownBy(() => checkOneMore(ports, OPTIONS, on(1), 'a'))
    expect(error).toBeInstanceOf(SluiceError)
    expect(error).toMatchObject({
      code: 'limit_exceeded',
      message:
        'the user is on 1 channels of this node, over all connections; limits.subscriptionsPerUser allows no more',
    })
    expect(hits).toEqual(['subscriptions_per_user'])
  })
})

describe('one more session of a user', () => {
  it('may be as many as there may be, and is refused beyond that', () => {
    checkSessions(portsOf(), { sessionsPerUserMax: 5 }, 5)
    expect(hits).toEqual([])
    expectNotAdmitted(
      thrownBy(() => checkSessions(portsOf(), { sessionsPerUserMax: 5 }, 6)),
      'the user has 5 sessions already; limits.sessionsPerUser allows no more',
    )
    expect(hits).toEqual(['sessions_per_user'])
  })

  it('is never refused where there is no limit', () => {
    checkSessions(portsOf(), { sessionsPerUserMax: 0 }, 1e6)
    expect(hits).toEqual([])
  })
})

describe('one more publish of a user', () => {
  it('is told how long to wait where he publishes too fast, and passes once he has', () => {
    const ports = portsOf({ publishesPerSecond: 3 })
    for (let i = 0; i < 6; i++) takePublish(ports, 'ann')
    expect(hits).toEqual([])
    const error = thrownBy(() => takePublish(ports, 'ann')) as SluiceError
    expect(error).toMatchObject({
      code: 'rate_limited',
      message:
        'the user publishes faster than limits.publishesPerUserPerSecond, which is 3, over all connections to this node; wait 334 ms',
    })
    expect(error.retryAfterMs).toBeCloseTo(333.3, 0)
    expect(hits).toEqual(['publishes_per_user_per_second'])
    nowMs += 334
    takePublish(ports, 'ann')
    expect(hits).toHaveLength(1)
  })
})

it('a channel that a backend puts a session on is held to what its client can come back with, and to nothing else', () => {
  const put = (subscriptionCount: number, channelsMax?: number): (() => void) => {
    const identity = withStanding(IDENTITY, 'put', true)
    const session = { user: 'ann', subscriptionCount, identity, connection: { channelsMax } }
    return () => checkOneMore(portsOf(), OPTIONS, session, 'put')
  }
  put(4)()
  put(9, 9)()
  expect(thrownBy(put(10, 9))).toMatchObject({ code: 'limit_exceeded' })
})
