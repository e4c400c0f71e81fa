import { describe, expect, it } from 'vitest'
import { atRate, quantilesOf } from '../../../bench/load/rate.ts'

type Audience = Parameters<typeof atRate>[1]

function audienceOf(count: number): Audience {
  return { count, received: undefined, failed: undefined }
}

describe('messages at a rate', () => {
  it('are over when everybody has all of them, and the deliveries of the first clients alone are timed', async () => {
    const clients = audienceOf(3)
    const sent: number[] = []
    const report = await atRate({ messages: 50, perSecond: 10_000, timed: 1 }, clients, 100, (index, due) => {
      for (let number = index; number < index + due; number++) {
        sent.push(number)
        for (const client of [2, 1, 0]) clients.received?.(client, 100 + number)
      }
    })
    expect(sent).toEqual(Array.from({ length: 50 }, (_, index) => index))
    expect(report.latenciesMicros.p50).toBeGreaterThan(0)
    expect(report.perSecond).toBeGreaterThan(0)
  })

  it('count from the moment at which each was due, not from when it was sent', async () => {
    const clients = audienceOf(1)
    // All are due before the first turn of the loop; what is sent in one go is late by as much as it was due earlier.
    let held: number[] = []
    const report = await atRate({ messages: 3, perSecond: 1000 }, clients, 0, (index, due) => {
      for (let number = index; number < index + due; number++) held.push(number)
      if (held.length < 3) return
      for (const number of held) clients.received?.(0, number)
      held = []
    })
    // The first one waited until the third was due, two thousandths of a second later.
    expect(report.latenciesMicros['p99.9']).toBeGreaterThanOrEqual(2000)
  })

  it('fail where one reaches nobody, is there twice, or is late beyond patience', async () => {
    await expect(atRate({ messages: 2, patienceMs: 1 }, audienceOf(2), 0, () => undefined)).rejects.toThrow(
      '0 of 4 deliveries came in time',
    )
    const clients = audienceOf(2)
    await expect(
      atRate({ messages: 1 }, clients, 0, () => {
        clients.received?.(0, 0)
        clients.received?.(0, 0)
      }),
    ).rejects.toThrow('twice')
  })
})

it('quantiles are of all deliveries, in microseconds', () => {
  const thousand = Float64Array.from({ length: 1000 }, (_, index) => 1000 - index)
  expect(quantilesOf(thousand)).toEqual({ p50: 501_000, p99: 991_000, 'p99.9': 1_000_000 })
})
