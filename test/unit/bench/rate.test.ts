import { describe, expect, it } from 'vitest'
import { isChosen } from '../../../bench/load/clients.ts'
import { atRate, quantilesOf } from '../../../bench/load/rate.ts'

type Audience = Parameters<typeof atRate>[1]

function audienceOf(count: number): Audience {
  return { count, received: undefined, failed: undefined }
}

describe('messages at a rate', () => {
  it('are over when everybody has all of them, and the deliveries of some clients alone are timed', async () => {
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

  it('are sent no more once a delivery is later than whoever asks wants to know', async () => {
    const clients = audienceOf(1)
    let held: number[] = []
    let sentInAll = 0
    // Nothing arrives before ten are on their way: the first of them is nine thousandths of a second late then.
    const rate = { messages: 1000, perSecond: 1000, giveUpMs: 5 }
    const report = await atRate(rate, clients, 0, (index, due) => {
      sentInAll += due
      for (let number = index; number < index + due; number++) held.push(number)
      if (held.length < 10) return
      const arrived = held
      held = []
      setImmediate(() => {
        for (const number of arrived) clients.received?.(0, number)
      })
    })
    expect(report.gaveUp).toBe(true)
    expect(sentInAll).toBeLessThan(1000)
    expect(report.halvesMicros[0]).toBeGreaterThan(0)
    expect(report.sentLateMicros).toBeGreaterThanOrEqual(0)
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

it('those who are timed are spread among all', () => {
  const chosen = (count: number, all: number): number[] =>
    Array.from({ length: all }, (_, client) => client).filter((client) => isChosen(client, count, all))
  expect(chosen(5, 100)).toEqual([0, 20, 40, 60, 80])
  expect(chosen(2, 7)).toEqual([0, 3])
  expect(chosen(4, 4)).toEqual([0, 1, 2, 3])
})

it('quantiles are of all deliveries, in microseconds', () => {
  const thousand = Float64Array.from({ length: 1000 }, (_, index) => 1000 - index)
  expect(quantilesOf(thousand)).toEqual({ p50: 501_000, p99: 991_000, 'p99.9': 1_000_000 })
})
