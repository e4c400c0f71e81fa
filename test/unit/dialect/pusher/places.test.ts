/** Whether an app has room for one more client, of those on all nodes together. */
import { beforeEach, describe, expect, it } from 'vitest'
import { App, appName, Apps } from '../../../../src/dialect/pusher/apps.ts'
import { Places } from '../../../../src/dialect/pusher/places.ts'
import { SluiceError } from '../../../../src/errors.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

let clock: ManualClock
let app: App
/** Clients at other nodes; `undefined`: they cannot be asked. */
let elsewhere: number | undefined
let asked: number
let failures: unknown[]
let places: Places

function appOf(connections: number): App {
  return new App('3', 'shop:', { connections, eventsPerSecond: 0, clientEventsPerSecond: 0 })
}

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

beforeEach(() => {
  clock = new ManualClock()
  ;[asked, failures, elsewhere] = [0, [], 0]
  places = new Places({
    clock,
    count(names) {
      asked++
      expect(names).toEqual([appName(app)])
      return elsewhere === undefined
        ? Promise.reject(new SluiceError('unavailable', 'away'))
        : Promise.resolve(new Map([[appName(app), app.connections + elsewhere]]))
    },
    failed: (_what, error) => failures.push(error),
  })
})

describe('an app', () => {
  it('without a limit has room, and nobody is asked', () => {
    app = appOf(0)
    expect([places.take(app), app.connections, asked]).toEqual([true, 1, 0])
  })

  it('P1 asks before the first, and beside the others once in a second', async () => {
    app = appOf(10)
    expect(await places.take(app)).toBe(true)
    expect([places.take(app), places.take(app), asked]).toEqual([true, true, 1])
    clock.pass(1_000)
    expect([places.take(app), places.take(app), asked]).toEqual([true, true, 2])
    await settled()
    clock.pass(10_000)
    // What is known is too old.
    expect(await places.take(app)).toBe(true)
    expect([asked, app.connections]).toEqual([3, 6])
  })

  it('P2 that was full a moment ago has room for who comes now, where somebody has gone', async () => {
    app = appOf(2)
    elsewhere = 2
    expect(await places.take(app)).toBe(false)
    elsewhere = 1
    const next = places.take(app)
    clock.pass(250)
    expect([await next, app.connections]).toEqual([true, 1])
    const another = places.take(app)
    clock.pass(250)
    expect(await another).toBe(false)
    places.leave(app)
    expect(places.take(app)).toBe(true)
  })

  it('P2 that is full by an answer to what was asked before somebody came turns the earlier one away, and not him', async () => {
    app = appOf(1)
    const answers: (() => void)[] = []
    places = new Places({
      clock,
      count(names) {
        asked++
        const counts = new Map(names.map((name) => [name, app.connections + (elsewhere ?? 0)]))
        return new Promise((resolve) => answers.push(() => resolve(counts)))
      },
      failed: () => expect.unreachable('they answer'),
    })
    elsewhere = 1
    const early = places.take(app)
    // He leaves where he was, and comes here, while the others are being asked.
    elsewhere = 0
    const [mover, next] = [places.take(app), places.take(app)]
    answers[0]?.()
    expect(await early).toBe(false)
    await settled()
    expect(asked).toBe(1)
    clock.pass(250)
    await settled()
    expect(asked).toBe(2)
    answers[1]?.()
    // One question for both.
    expect([await mover, await next, app.connections, asked]).toEqual([true, false, 1, 2])
  })

  it('P3 that is full asks a few times in a second, however many come, and lets in as many as there is room for', async () => {
    app = appOf(5)
    elsewhere = 3
    const first = Array.from({ length: 50 }, async () => places.take(app))
    await settled()
    expect([app.connections, asked]).toEqual([2, 1])
    // All but one came when the first question was on its way.
    clock.pass(250)
    expect((await Promise.all(first)).filter(Boolean)).toEqual([true, true])
    expect(asked).toBe(2)
    const later = Array.from({ length: 50 }, async () => places.take(app))
    await settled()
    expect(asked).toBe(2)
    clock.pass(250)
    expect((await Promise.all(later)).filter(Boolean)).toEqual([])
    expect(asked).toBe(3)
  })

  it('P4 counts those of this node where the others cannot be asked, and that is said', async () => {
    app = appOf(1)
    elsewhere = undefined
    expect(await places.take(app)).toBe(true)
    expect(await places.take(app)).toBe(false)
    expect(failures).toHaveLength(1)
  })
})

it('an app is counted under a name that no channel has, and that leads to it alone', () => {
  const apps = new Apps(['3:shop:a:b', '4:chat:c:d'])
  const shop = apps.get('3') as App
  shop.connections = 7
  expect([appName(shop), '3', 'app 4', 'app 5', 'shop:a'].map((name) => apps.connectionsOf(name))).toEqual([
    ...[7, undefined, 0, undefined, undefined],
  ])
})
