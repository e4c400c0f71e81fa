import { expect, it } from 'vitest'
import { Faults, type FaultPlace } from '../../../src/observe/faults.ts'
import { FAULTS } from '../../../src/observe/metric-labels.ts'
import { ManualClock } from '../admission/manual-clock.ts'

function noting(): { faults: Faults; clock: ManualClock; lines: object[]; counts: Record<string, number> } {
  const clock = new ManualClock()
  const lines: object[] = []
  const counts: Record<string, number> = {}
  const counters = Object.fromEntries(
    FAULTS.map((place) => [place, { inc: () => (counts[place] = (counts[place] ?? 0) + 1) }]),
  ) as unknown as Record<FaultPlace, { inc(): void }>
  const faults = new Faults(
    { error: (fields, message) => lines.push({ ...fields, message }) },
    clock,
    counters,
  )
  return { faults, clock, lines, counts }
}

/** Of one line of code, with words that whoever causes it has chosen. */
function thrown(message: string): Error {
  return new Error(message)
}

it('of one kind is a line with the error, and one a minute with the count, however many there are', () => {
  const { faults, clock, lines, counts } = noting()
  for (let frame = 0; frame < 301; frame++) faults.caught('message', thrown(`frame ${frame}`))
  expect(lines).toMatchObject([
    { message: 'a fault of the gateway', place: 'message', err: { message: 'frame 0' } },
  ])
  clock.pass(60_000)
  expect(lines.slice(1)).toMatchObject([{ count: 300, err: { message: 'frame 300' } }])
  expect(counts).toEqual({ message: 301 })
})

it('of another line of code, met elsewhere, or in other work is a line of its own', () => {
  const { faults, lines } = noting()
  const one = thrown('x')
  faults.caught('message', one)
  faults.caught('message', new Error('x'))
  faults.caught('drain', one)
  faults.caught('task', one, { what: 'a heartbeat' })
  faults.caught('task', one, { what: 'opening a channel', user: 'ann' })
  faults.caught('task', one, { what: 'opening a channel', user: 'bob' })
  expect(lines).toHaveLength(5)
})

it('takes whatever is thrown', () => {
  const { faults, lines } = noting()
  for (const odd of [undefined, null, 'text', { deep: {} }, Object.create(null) as unknown, new Error('x')])
    faults.caught('flush', odd)
  faults.close()
  expect(lines.length).toBeGreaterThan(1)
})
