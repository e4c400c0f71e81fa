import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Deliveries, Unacknowledged } from '../../../src/hub/deliveries.ts'

/** A channel that hands on messages with these offsets. */
function channel(...offsets: readonly number[]): Deliveries {
  const deliveries = new Deliveries()
  for (const offset of offsets) deliveries.add('e', offset, offset * 10)
  return deliveries
}

describe('an acknowledgement', () => {
  it('that covers two of five counts two, whatever lies between their offsets', () => {
    const deliveries = channel()
    const one = new Unacknowledged()
    one.live(deliveries.count)
    for (const offset of [10, 17, 18, 40, 41]) deliveries.add('e', offset, 0)
    expect(one.acknowledge(17, deliveries)).toBe(2)
    expect(one.open(deliveries)).toBe(3)
  })

  it('D2 counts nothing a second time', () => {
    const deliveries = channel()
    const one = new Unacknowledged()
    one.live(0)
    deliveries.add('e', 3, 0)
    expect([one.acknowledge(3, deliveries), one.acknowledge(3, deliveries)]).toEqual([1, 0])
    expect(one.acknowledge(2, deliveries)).toBe(0)
  })

  it('does not count what was there before the subscriber', () => {
    const deliveries = channel(1, 2, 3)
    const one = new Unacknowledged()
    one.live(deliveries.count)
    deliveries.add('e', 4, 0)
    expect(one.acknowledge(4, deliveries)).toBe(1)
  })

  it('covers what was replayed, in parts', () => {
    const deliveries = channel(1, 2, 3)
    const one = new Unacknowledged()
    for (const offset of [1, 2, 3]) one.given(offset)
    one.live(deliveries.count)
    deliveries.add('e', 4, 0)
    expect(one.acknowledge(2, deliveries)).toBe(2)
    expect(one.acknowledge(4, deliveries)).toBe(2)
    expect(one.open(deliveries)).toBe(0)
  })

  it('covers what was written before a slow reader left the topics, and not what he did not get', () => {
    const deliveries = channel()
    const one = new Unacknowledged()
    one.live(0)
    deliveries.add('e', 1, 0)
    deliveries.add('e', 2, 0)
    one.behind(deliveries)
    for (const offset of [3, 4]) deliveries.add('e', offset, 0)
    one.given(3)
    expect(one.open(deliveries)).toBe(3)
    expect(one.acknowledge(3, deliveries)).toBe(3)
  })

  it('tells when its message was accepted', () => {
    const deliveries = channel(5, 7)
    expect([deliveries.timeOf(7), deliveries.timeOf(6), deliveries.timeOf(4)]).toEqual([
      70,
      undefined,
      undefined,
    ])
  })

  it('of another epoch is not measured by offsets of the one before', () => {
    const deliveries = channel(100, 200)
    const one = new Unacknowledged()
    one.live(deliveries.count)
    deliveries.add('f', 1, 0)
    expect(one.acknowledge(1, deliveries)).toBe(1)
  })

  it('D3 that comes late is counted with the next one', () => {
    const deliveries = channel()
    const one = new Unacknowledged()
    one.live(0)
    for (let offset = 1; offset <= 5000; offset++) deliveries.add('e', offset, 0)
    expect(one.acknowledge(10, deliveries)).toBe(0)
    expect(one.acknowledge(4990, deliveries)).toBe(4990)
    const alone = new Unacknowledged()
    for (let offset = 1; offset <= 5000; offset++) alone.given(offset)
    expect(alone.acknowledge(4990, undefined)).toBe(4990)
    expect(alone.open(undefined)).toBe(10)
  })

  it('D1 counts each message once, whatever happens to the subscriber', () => {
    const step = fc.oneof(
      fc.constant('publish' as const),
      fc.constant('slow' as const),
      fc.constant('catch up' as const),
      fc.record({ ack: fc.nat(60) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const deliveries = channel()
        const one = new Unacknowledged()
        one.live(0)
        let live = true
        let offset = 0
        let missed: number[] = []
        const given: number[] = []
        let acked = 0
        let counted = 0
        for (const what of steps) {
          if (what === 'publish') {
            offset += 1 + (offset % 3)
            deliveries.add('e', offset, 0)
            if (live) given.push(offset)
            else missed.push(offset)
          } else if (what === 'slow') {
            if (live) one.behind(deliveries)
            live = false
          } else if (what === 'catch up') {
            if (live) continue
            for (const each of missed) one.given(each)
            given.push(...missed)
            missed = []
            one.live(deliveries.count)
            live = true
          } else {
            // A client acknowledges what it has.
            const upTo = given.filter((each) => each <= what.ack).at(-1) ?? 0
            acked = Math.max(acked, upTo)
            counted += one.acknowledge(upTo, deliveries)
            expect(counted).toBe(given.filter((each) => each <= acked).length)
          }
        }
        expect(one.open(deliveries)).toBe(given.length - counted)
      }),
    )
  })
})
