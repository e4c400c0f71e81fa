/** What a connection of Pusher does where the stores are away, the client changes its mind, or goes. */
import { expect, it } from 'vitest'
import { Apps } from '../../../../src/dialect/pusher/apps.ts'
import { Cache } from '../../../../src/dialect/pusher/cache.ts'
import { Rosters } from '../../../../src/dialect/pusher/rosters.ts'
import { Subscriptions, type Entering } from '../../../../src/dialect/pusher/subscriptions.ts'
import { SluiceError } from '../../../../src/errors.ts'
import type { Session } from '../../../../src/session/session.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

class World {
  readonly clock = new ManualClock()
  readonly said: string[] = []
  readonly there: string[] = []
  readonly left: string[] = []
  readonly on = new Set<string>()
  /** What each subscribe ends with before one goes through. */
  failures: SluiceError[] = []
  /** Of presence; to be let go. */
  answer: Promise<ReadonlyMap<string, undefined>> = Promise.resolve(new Map())
  watched = 0
  readonly session = {
    subscriptionOf: (name: string) => this.on.has(name) || undefined,
    subscribe: async (name: string, _from: unknown, told: (start: object) => void) => {
      const failure = this.failures.shift()
      if (failure !== undefined) throw failure
      told({ position: undefined, recovered: false })
      this.on.add(name)
    },
    unsubscribe: async (name: string) => void this.on.delete(name),
    refusal: (error: SluiceError) => error,
  } as unknown as Session
  readonly subscriptions = new Subscriptions(
    {
      say: (frame) => void this.said.push((JSON.parse(frame) as { event: string }).event),
      give: () => undefined,
      began: () => undefined,
    },
    {
      clock: this.clock,
      counts: undefined,
      cache: new Cache({ last: () => undefined, missed: () => undefined, clock: this.clock }, 1000),
      rosters: new Rosters({
        watch: () => void this.watched++,
        unwatch: () => void this.watched--,
        entered: (_channel, { id }) => void this.there.push(id),
        left: (_channel, { id }) => void this.left.push(id),
        members: () => this.answer,
      }),
    },
    2,
  )

  async settle(): Promise<void> {
    for (let turn = 0; turn < 30; turn++) await Promise.resolve()
  }
}

const SUCCEEDED = 'pusher_internal:subscription_succeeded'
const PLAIN: Entering = { member: undefined, from: undefined }
const AS_ANN: Entering = { member: { id: 'ann', info: undefined }, from: undefined }
const AWAY = new SluiceError('unavailable', 'the log is away')

it('a subscribe that cannot be had now is tried until it can be', async () => {
  const world = new World()
  world.failures = [AWAY, AWAY]
  world.subscriptions.enter(world.session, 'shop:a', PLAIN)
  for (let i = 0; i < 2; i++) {
    await world.settle()
    expect(world.said).toEqual([])
    world.clock.pass(3000)
  }
  await world.settle()
  expect(world.said).toEqual([SUCCEEDED])
})

it('a subscribe that can never be had is refused at once', async () => {
  const world = new World()
  world.failures = [new SluiceError('limit_exceeded', 'too many'), new SluiceError('internal', 'a fault')]
  world.subscriptions.enter(world.session, 'shop:a', PLAIN)
  world.subscriptions.enter(world.session, 'shop:b', PLAIN)
  await world.settle()
  expect(world.said).toEqual(['pusher:subscription_error', 'pusher:subscription_error'])
})

it('who leaves, or goes, while presence is asked is not there afterwards', async () => {
  for (const goes of ['leave', 'close'] as const) {
    const world = new World()
    let found: () => void = () => undefined
    world.answer = new Promise((resolve) => (found = () => resolve(new Map())))
    world.subscriptions.enter(world.session, 'shop:presence-a', AS_ANN)
    await world.settle()
    if (goes === 'leave') world.subscriptions.leave(world.session, 'shop:presence-a')
    else world.subscriptions.close()
    found()
    await world.settle()
    expect(world.there).toEqual(world.left)
    expect(world.watched).toBe(0)
    if (goes === 'leave') expect(world.on.size).toBe(0)
  }
})

it('a channel that is full takes nobody else, and nothing of him stays', async () => {
  const world = new World()
  world.answer = Promise.resolve(
    new Map([
      ['bob', undefined],
      ['eve', undefined],
    ]),
  )
  world.subscriptions.enter(world.session, 'shop:presence-a', AS_ANN)
  await world.settle()
  expect([world.said, world.there, world.watched]).toEqual([['pusher:subscription_error'], [], 0])
})

it('presence that cannot be asked leaves nobody watching', async () => {
  const world = new World()
  world.answer = Promise.reject(AWAY)
  world.subscriptions.enter(world.session, 'shop:presence-a', AS_ANN)
  await world.settle()
  expect(world.watched).toBe(0)
  world.answer = Promise.resolve(new Map())
  world.clock.pass(3000)
  await world.settle()
  expect([world.said, world.there]).toEqual([[SUCCEEDED], ['ann']])
  world.subscriptions.close()
  expect([world.left, world.watched]).toEqual([['ann'], 0])
})

it('an app has guests that nobody can name', () => {
  const [app] = new Apps(['1:shop:k:s']).all()
  expect(app?.newGuest()).not.toBe(app?.newGuest())
  expect(app?.permissions.maySubscribe('chat:a')).toBe(false)
})
