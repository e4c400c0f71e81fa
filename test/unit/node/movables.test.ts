/** The clients of a node as a drain moves them: when one ends whose protocol has no word for being moved. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Departures } from '../../../src/drain/departures.ts'
import type { Closing } from '../../../src/errors.ts'
import { movable } from '../../../src/node/movables.ts'
import { CLOSE_CODES } from '../../../src/dialect/pusher/codes.ts'
import type { Session } from '../../../src/session/session.ts'
import { ManualClock } from '../../support/manual-clock.ts'

type Ports = Parameters<typeof movable>[1]

function sessionOf(id: number, went: 'asked' | 'leaves', ended: (closing: Closing) => void): Session {
  const connection = { transport: 'websocket', end: ended }
  return {
    id: `session-${id}-of-somebody`,
    movedFrom: undefined,
    connection,
    move: () => went,
  } as unknown as Session
}

function portsOf(clock: ManualClock): Ports {
  const counter = { inc: () => undefined }
  return {
    clock,
    metrics: { reconnectsAsked: { drain: counter, move: counter }, drainMoves: { closed: counter } },
  } as unknown as Ports
}

const DEADLINE_MS = 60_000

it('whose protocol has no word for it is closed at the moment that the plan has for him, with 4200', () => {
  const delays = fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(delays, fc.nat(10_000), fc.boolean(), (all, atMs, cancelled) => {
      const clock = new ManualClock()
      const ended = new Map<number, Closing>()
      const mover = {
        ...{
          reason: 'drain' as const,
          departures: new Departures('4f1c2ab3c4d5e6f7'),
          elsewhere: () => ({}),
        },
        drain: () => (cancelled ? ({ state: 'cancelled' } as never) : undefined),
      }
      for (const [id, delayMs] of all.entries())
        movable(
          sessionOf(id, 'leaves', (closing) => ended.set(id, closing)),
          portsOf(clock),
          mover,
        ).ask(delayMs, DEADLINE_MS)
      clock.pass(atMs)
      const due = cancelled ? [] : [...all.keys()].filter((id) => (all[id] as number) <= atMs)
      expect([...ended.keys()].toSorted((a, b) => a - b)).toEqual(due)
      for (const { why } of ended.values()) expect(CLOSE_CODES[why]).toBe(4200)
    }),
  )
})

it('who can be asked is not closed', () => {
  const clock = new ManualClock()
  const mover = {
    ...{ reason: 'drain' as const, departures: new Departures('4f1c2ab3c4d5e6f7') },
    ...{ elsewhere: () => ({}), drain: () => undefined },
  }
  const ended: Closing[] = []
  movable(
    sessionOf(1, 'asked', (closing) => ended.push(closing)),
    portsOf(clock),
    mover,
  ).ask(10, DEADLINE_MS)
  clock.pass(DEADLINE_MS)
  expect(ended).toEqual([])
})
