import { describe, expect, it } from 'vitest'
import { FlightRecorder, FOLLOWED_MAX } from '../../../src/observe/flight-recorder.ts'
import type { SeenSession, SeenSubscription } from '../../../src/observe/witness.ts'
import { Encoded } from '../../../src/protocol/encoded.ts'
import { EncodedReset } from '../../../src/protocol/encoded-reset.ts'
import { ManualClock } from '../../support/manual-clock.ts'

type Event = Readonly<Record<string, unknown>> & { readonly type: string }

interface Seen extends SeenSession {
  readonly on: SeenSubscription[]
}

function session(user: string, id = `s-${user}`): Seen {
  const on: SeenSubscription[] = []
  return { id, user, connection: { transport: 'websocket', stays: true }, on, subscriptions: () => on }
}

function onChannel(name: string, live = true): SeenSubscription {
  return { live, position: { epoch: 'e', offset: 7 }, source: { name } }
}

function logged(channel: string, offset: number, text = '"x"', time = 999_000): Encoded {
  return new Encoded({
    ...{ kind: 'logged', channel, epoch: 'e', offset, previous: offset - 1, ack: true },
    ...{ data: Buffer.from(text), binary: false, id: undefined, time },
  })
}

function recorder(here: readonly Seen[] = []) {
  const clock = new ManualClock()
  const events: Event[] = []
  const subject = new FlightRecorder({ nodeId: 'n1', clock, sessions: () => here })
  const follow = (
    user: string,
    more: { forMs?: number; eventsMax?: number; payloads?: boolean } = {},
  ): boolean =>
    subject.follow(
      { id: `t-${user}`, user, forMs: 60_000, eventsMax: 1000, payloads: false, ...more },
      (lines) => events.push(...lines.map((line) => JSON.parse(line) as Event)),
    )
  const told = (): Event[] => {
    clock.pass(50)
    return events.splice(0)
  }
  return { clock, subject, follow, told }
}

describe('a recorder', () => {
  it('has no tap while nobody follows anybody', () => {
    const { subject, follow } = recorder()
    expect(subject.tap).toBeUndefined()
    follow('ann')
    expect(subject.tap).toBe(subject)
    subject.unfollow('t-ann')
    expect(subject.tap).toBeUndefined()
  })

  it('begins with those who are here, and where they are', () => {
    const ann = session('ann')
    ann.on.push(onChannel('@ann'), onChannel('news', false))
    const { follow, told } = recorder([ann, session('bob')])
    follow('ann')
    expect(told()).toEqual([
      {
        ...{ type: 'present', at: 1_000_000, node: 'n1', session: 's-ann', transport: 'websocket' },
        channels: {
          '@inbox': { epoch: 'e', offset: 7, live: true },
          news: { epoch: 'e', offset: 7, live: false },
        },
      },
    ])
  })

  it('tells a message of the topics for those who are live on its channel, and nobody else', () => {
    const ann = session('ann')
    ann.on.push(onChannel('news'), onChannel('old', false))
    const { subject, follow, told } = recorder([ann])
    follow('ann')
    told()
    for (const channel of ['news', 'old', 'other']) subject.fannedOut(channel, logged(channel, 8))
    expect(told()).toEqual([
      {
        ...{ type: 'delivered', at: 1_000_050, node: 'n1', session: 's-ann', channel: 'news', epoch: 'e' },
        ...{ offset: 8, published: 999_000, written: 1_000_050, live: true, bytes: 3 },
      },
    ])
  })

  it('tells nothing of a message to the one whom it excludes', () => {
    const [ann, twin] = [session('ann'), session('ann', 's-twin')]
    for (const one of [ann, twin]) one.on.push(onChannel('news'))
    const { subject, follow, told } = recorder([ann, twin])
    follow('ann')
    told()
    subject.fannedOut('news', new Encoded({ ...logged('news', 8).message, meta: { exclude: 's-ann' } }))
    expect(told()).toMatchObject([{ type: 'delivered', session: 's-twin' }])
  })

  it('tells an acknowledgement for each message that it covers, with its three times', () => {
    const ann = session('ann')
    ann.on.push(onChannel('jobs'))
    const { clock, subject, follow, told } = recorder([ann])
    follow('ann')
    for (const offset of [8, 9, 12]) subject.fannedOut('jobs', logged('jobs', offset))
    told()
    clock.pass(250)
    subject.acknowledged(ann, 'jobs', 9)
    const acknowledged = {
      type: 'acknowledged',
      published: 999_000,
      written: 1_000_000,
      acknowledged: 1_000_300,
    }
    expect(told()).toMatchObject([
      { ...acknowledged, offset: 8 },
      { ...acknowledged, offset: 9 },
    ])
    subject.acknowledged(ann, 'jobs', 12)
    expect(told()).toMatchObject([{ type: 'acknowledged', offset: 12 }])
  })

  it('tells connecting, a replay, a reset, a move, and the end with its reason', () => {
    const { subject, follow, told } = recorder()
    follow('ann')
    const ann = session('ann')
    subject.told(ann, 'connected', {
      resumed: true,
      channels: { news: { epoch: 'e', offset: 3, recovered: true } },
    })
    subject.delivered(ann.connection, logged('news', 4))
    subject.reset(
      ann.connection,
      new EncodedReset({
        channel: 'news',
        position: { epoch: 'f', offset: 1 },
        reason: 'epoch',
        delayMs: 100,
      }),
    )
    subject.told(ann, 'move', { delay: 10, deadline: 20, reason: 'drain' })
    subject.ended(ann, { why: 'goingAway', code: 1012 })
    subject.told(session('bob'), 'reauth', { deadline: 1 })
    expect(told()).toMatchObject([
      { type: 'connected', resumed: true, channels: { news: { epoch: 'e', offset: 3, recovered: true } } },
      { type: 'delivered', offset: 4, live: false },
      { type: 'reset', channel: 'news', epoch: 'f', offset: 1, reason: 'epoch' },
      { type: 'move', reason: 'drain', delay: 10 },
      { type: 'closed', why: 'going_away', code: 1012 },
    ])
  })

  it('tells what a message says only where that was asked for, and no more than 4 KiB of it', () => {
    const ann = session('ann')
    ann.on.push(onChannel('news'))
    const silent = recorder([ann])
    silent.follow('ann')
    silent.subject.fannedOut('news', logged('news', 8, '"the secret"'))
    expect(JSON.stringify(silent.told())).not.toContain('secret')
    const asked = recorder([ann])
    asked.follow('ann', { payloads: true })
    asked.told()
    asked.subject.fannedOut('news', logged('news', 8, '"the secret"'))
    asked.subject.fannedOut('news', logged('news', 9, `"${'y'.repeat(9000)}"`))
    const [first, second] = asked.told()
    expect(first).toMatchObject({ data: '"the secret"' })
    expect(second).toMatchObject({ cut: true, bytes: 9002 })
    expect(second?.['data']).toHaveLength(4096)
  })
})

describe('the bounds', () => {
  it('are a time, that may be renewed', () => {
    const { clock, subject, follow } = recorder()
    follow('ann', { forMs: 1000 })
    clock.pass(900)
    follow('ann', { forMs: 1000 })
    clock.pass(900)
    expect(subject.tap).toBeDefined()
    clock.pass(200)
    expect(subject.tap).toBeUndefined()
    expect(clock.timers).toBe(0)
  })

  it('are a number of events', () => {
    const ann = session('ann')
    const { subject, follow, told } = recorder()
    follow('ann', { eventsMax: 3 })
    for (let n = 0; n < 5; n++) subject.told(ann, 'reauth', { deadline: n })
    expect(told().map((event) => event['deadline'])).toEqual([0, 1, 2])
    expect(subject.tap).toBeUndefined()
  })

  it('are what is told in a second; the rest is counted', () => {
    const ann = session('ann')
    const { clock, subject, follow, told } = recorder()
    follow('ann', { eventsMax: 100_000 })
    for (let n = 0; n < 1500; n++) subject.told(ann, 'reauth', { deadline: n })
    const events = told()
    expect(events.filter(({ type }) => type === 'reauth')).toHaveLength(1000)
    expect(events.at(-1)).toMatchObject({ type: 'left out', events: 500 })
    clock.pass(1000)
    subject.told(ann, 'reauth', { deadline: 1 })
    expect(told()).toMatchObject([{ type: 'reauth' }])
  })

  it('are so many who are followed', () => {
    const { follow } = recorder()
    for (let n = 0; n < FOLLOWED_MAX; n++) expect(follow(`user-${n}`)).toBe(true)
    expect(follow('one too many')).toBe(false)
    expect(follow('user-0')).toBe(true)
  })
})
