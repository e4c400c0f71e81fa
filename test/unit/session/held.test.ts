import { describe, expect, it } from 'vitest'
import type { Subscription } from '../../../src/hub/subscription.ts'
import { countOf, eachOf, findIn, withOne, withoutOne, type Held } from '../../../src/session/held.ts'

const on = (name: string): Subscription => ({ source: { name } }) as Subscription
const [A, B, C] = ['a', 'b', 'c'].map(on) as [Subscription, Subscription, Subscription]
const holding = (...subscriptions: Subscription[]): Held => subscriptions.reduce<Held>(withOne, undefined)

describe('what a session is on', () => {
  it.each([0, 1, 2, 3])('is found by its channel, where it is on %d', (count) => {
    const all = [A, B, C].slice(0, count)
    const held = holding(...all)
    expect(countOf(held)).toBe(count)
    expect([...eachOf(held)]).toEqual(all)
    expect(['a', 'b', 'c'].map((channel) => findIn(held, channel))).toEqual(
      [A, B, C].map((one) => (all.includes(one) ? one : undefined)),
    )
  })

  it('needs no table while it is one channel', () => {
    expect(holding(A)).toBe(A)
    expect(holding(A, on('a'))).not.toBeInstanceOf(Map)
    expect(holding(A, B)).toBeInstanceOf(Map)
  })

  it('has the newer one of two on the same channel', () => {
    const newer = on('a')
    expect(holding(A, newer)).toBe(newer)
    const held = holding(A, B, newer)
    expect([countOf(held), findIn(held, 'a'), findIn(held, 'b')]).toEqual([2, newer, B])
  })

  it('is without a channel that was left, and as it was where that is another', () => {
    expect(withoutOne(undefined, 'a')).toBeUndefined()
    expect(withoutOne(A, 'b')).toBe(A)
    expect(withoutOne(A, 'a')).toBeUndefined()
    const one = withoutOne(holding(A, B), 'a')
    expect([countOf(one), findIn(one, 'a'), findIn(one, 'b')]).toEqual([1, undefined, B])
    expect(countOf(withoutOne(holding(A, B), 'c'))).toBe(2)
    expect(withoutOne(one, 'b')).toBeUndefined()
  })
})
