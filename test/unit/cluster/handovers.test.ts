import { expect, it } from 'vitest'
import type { Backbone } from '../../../src/backbone/backbone.ts'
import { dispatch, type ControlSink } from '../../../src/cluster/control.ts'
import { Handovers } from '../../../src/cluster/handovers.ts'
import { ManualClock } from '../../support/manual-clock.ts'

function handovers(): { readonly clock: ManualClock; readonly told: string[]; readonly subject: Handovers } {
  const clock = new ManualClock(0)
  const told: string[] = []
  const backbone = {
    control(node: string, payload: Uint8Array) {
      dispatch(payload, {
        takenOver: ({ session }) => void told.push(`${node}: ${session} was taken over`),
        givenUp: (session) => void told.push(`${node}: ${session} was given up`),
      } as ControlSink)
      return 'sent'
    },
  } as unknown as Backbone
  return {
    clock,
    told,
    subject: new Handovers(
      clock,
      backbone,
      () => [],
      () => undefined,
    ),
  }
}

const taken = (session: string) => ({
  session,
  claim: 2,
  node: 'here',
  recovered: true,
  detachedForMs: 0,
})

it('what other nodes were told of sessions a moment ago is said again when the backbone has come back', () => {
  const { clock, told, subject } = handovers()
  subject.tookOver('a', taken('s1'))
  clock.pass(16_000)
  subject.gaveUp('b', 's2')
  told.length = 0
  clock.pass(13_000)
  subject.repeat()
  expect(told).toEqual(['a: s1 was taken over', 'b: s2 was given up'])
})

it('what was said long before has arrived, and is not said again', () => {
  const { clock, told, subject } = handovers()
  subject.tookOver('a', taken('s1'))
  clock.pass(20_000)
  subject.tookOver('a', taken('s2'))
  told.length = 0
  clock.pass(15_000)
  subject.repeat()
  expect(told).toEqual(['a: s2 was taken over'])
  clock.pass(40_000)
  subject.repeat()
  expect(told).toHaveLength(1)
})
