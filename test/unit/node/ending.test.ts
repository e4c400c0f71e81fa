import { expect, it } from 'vitest'
import { Closing } from '../../../src/errors.ts'
import { endInTurn, endOver } from '../../../src/node/ending.ts'
import type { Session } from '../../../src/session/session.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const FOREVER = new Promise<void>(() => undefined)

/** Lets time pass until the work has ended. */
async function drive<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  let ended = false
  void work.finally(() => (ended = true))
  for (let i = 0; i < 10_000 && !ended; i++) {
    for (let turn = 0; turn < 5; turn++) await Promise.resolve()
    if (!ended) clock.pass(10)
  }
  return work
}

it('all parts end in their order, and who hangs is named and left behind', async () => {
  const clock = new ManualClock()
  const order: string[] = []
  const part = (name: string, end: () => Promise<void> | void = () => undefined) => ({
    part: name,
    end() {
      order.push(name)
      return end()
    },
  })
  const failures: string[] = []
  const startMs = clock.monotonicMs()
  const late = await drive(
    clock,
    endInTurn(
      [
        part('a'),
        part('hangs', () => FOREVER),
        part('fails', () => Promise.reject(new Error('no'))),
        part('throws', () => {
          throw new Error('no')
        }),
        part('hangs too', () => FOREVER),
        part('and this', () => FOREVER),
        part('and that', () => FOREVER),
        part('last'),
      ],
      3000,
      { clock, failed: (name) => void failures.push(name) },
    ),
  )
  expect(order).toEqual(['a', 'hangs', 'fails', 'throws', 'hangs too', 'and this', 'and that', 'last'])
  expect(late).toEqual(['hangs', 'hangs too', 'and this', 'and that'])
  expect(failures).toEqual(['fails', 'throws'])
  expect(clock.monotonicMs() - startMs).toBeLessThanOrEqual(3000 + 100)
})

it('clients that are closed are closed evenly over the moment, and who comes meanwhile at its end', async () => {
  const clock = new ManualClock()
  const startMs = clock.monotonicMs()
  const endedAt: number[] = []
  const sessionOf = (): Session =>
    ({ connection: { end: () => endedAt.push(clock.monotonicMs() - startMs) } }) as unknown as Session
  let all = Array.from({ length: 100 }, sessionOf)
  const late = sessionOf()
  const closing = new Closing('goingAway', 'unavailable', 'going')
  const work = endOver(1000, { all: () => all }, closing, clock)
  all = [late]
  await drive(clock, work)
  expect(endedAt).toHaveLength(101)
  for (const [index, atMs] of endedAt.slice(0, 100).entries())
    expect(Math.abs(atMs - index * 10)).toBeLessThanOrEqual(30)
  expect(endedAt[100]).toBeGreaterThanOrEqual(990)
})
