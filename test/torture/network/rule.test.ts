import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Later } from './later.ts'
import { Direction, directionsOf, pairKey } from './rule.ts'

const half = (): number => 0.5

describe('a direction between two hosts', () => {
  it('without rules lets a packet through at once', () => {
    expect(new Direction([], half).arrivalMs(10, 1500)).toBe(10)
  })

  it('loses all packets of a cut, and of a bad line those that chance has chosen', () => {
    expect(new Direction([{ loss: 1 }], half).arrivalMs(10, 1500)).toBeUndefined()
    expect(new Direction([{ loss: 0.4 }], half).arrivalMs(10, 1500)).toBe(10)
    expect(new Direction([{ loss: 0.6 }], half).arrivalMs(10, 1500)).toBeUndefined()
  })

  it('delays by as much as its jitter allows either way, and adds what several rules say', () => {
    const rule = { delayMs: 200, jitterMs: 100 }
    expect(new Direction([rule], () => 0).arrivalMs(10, 1)).toBe(110)
    expect(new Direction([rule], half).arrivalMs(10, 1)).toBe(210)
    expect(new Direction([rule, rule], half).arrivalMs(10, 1)).toBe(410)
  })

  it('sends no faster than its line, and drops what its queue does not hold', () => {
    const line = new Direction([{ bytesPerSecond: 1000 }], half)
    expect([0, 0, 0].map((at) => line.arrivalMs(at, 1000))).toEqual([1000, 2000, undefined])
    expect(line.arrivalMs(5000, 1000)).toBe(6000)
  })
})

it('rules are for the pairs that they name, one way, and no host lies to itself', () => {
  const pairs = directionsOf([{ from: ['a', 'b'], to: ['b', 'c'], rule: { loss: 1 } }], half)
  expect([...pairs.keys()]).toEqual([pairKey('a', 'b'), pairKey('a', 'c'), pairKey('b', 'c')])
})

it('what is due later comes by its time, and in order where the times are the same', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (times) => {
      const later = new Later<readonly [number, number]>()
      for (const [index, atMs] of times.entries()) later.put(atMs, [atMs, index])
      const taken: (readonly [number, number])[] = []
      for (let nowMs = 0; nowMs <= 20; nowMs += 5) {
        for (let item = later.take(nowMs); item !== undefined; item = later.take(nowMs)) {
          expect(item[0]).toBeLessThanOrEqual(nowMs)
          taken.push(item)
        }
      }
      expect(taken).toEqual(
        times.map((atMs, index) => [atMs, index] as const).toSorted((a, b) => a[0] - b[0] || a[1] - b[1]),
      )
    }),
  )
})
