import { expect, it } from 'vitest'
import type { Backbone } from '../../../src/backbone/backbone.ts'
import { dispatch, type ControlSink } from '../../../src/cluster/control.ts'
import { Handovers } from '../../../src/cluster/handovers.ts'
import { ManualClock } from '../../support/manual-clock.ts'

function handovers(others: { readonly id: string; readonly state: 'draining' }[] = []): {
  readonly clock: ManualClock
  readonly told: string[]
  readonly subject: Handovers
} {
  const clock = new ManualClock(0)
  const told: string[] = []
  const backbone = {
    control(node: string, payload: Uint8Array) {
      dispatch(payload, {
        takenOver: ({ session }) => void told.push(`${node}: ${session} was taken over`),
        givenUp: (session) => void told.push(`${node}: ${session} was given up`),
        cameBack: (client: string) => void told.push(`${node}: ${client} is here`),
        replayed: (client: string, messages: number) =>
          void told.push(`${node}: ${client} had missed ${messages}`),
      } as Partial<ControlSink> as ControlSink)
      return 'sent'
    },
  } as unknown as Backbone
  return {
    clock,
    told,
    subject: new Handovers(
      clock,
      backbone,
      () => others,
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

it('a node hears of a client that was its own also where it has fallen out of the table meanwhile, and nobody else does', () => {
  const others = [{ id: 'a', state: 'draining' as const }]
  const { clock, told, subject } = handovers(others)
  subject.cameBack('a', 'c1', true)
  others.length = 0
  clock.pass(60_000)
  subject.cameBack('a', 'c2', true)
  subject.replayed('a', 'c2', 3)
  subject.cameBack('made-up', 'c3', true)
  subject.replayed('made-up', 'c3', 3)
  expect(told).toEqual(['a: c1 is here', 'a: c2 is here', 'a: c2 had missed 3'])
  clock.pass(300_000)
  subject.cameBack('a', 'c4', true)
  expect(told).toHaveLength(3)
})
