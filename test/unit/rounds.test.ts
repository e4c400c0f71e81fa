import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Rounds } from '../../src/rounds.ts'

function walked(size: number, ticks: number): { entries: Map<number, number>; rounds: Rounds<number> } {
  const entries = new Map(Array.from({ length: size }, (_, i) => [i, i]))
  return {
    entries,
    rounds: new Rounds(
      ticks,
      () => entries.size,
      () => entries.values(),
    ),
  }
}

describe('rounds', () => {
  it('where each entry that is met is removed, one round removes all of them', () => {
    const { entries, rounds } = walked(5000, 60)
    let ticks = 1
    while (!rounds.tick((entry) => entries.delete(entry))) ticks++
    expect(entries.size).toBe(0)
    expect(ticks).toBeLessThanOrEqual(60)
  })

  it('no tick meets much more than its share', () => {
    const { rounds } = walked(6000, 60)
    let met = 0
    rounds.tick(() => met++)
    expect(met).toBeLessThanOrEqual(101)
  })

  it('an empty collection is a round', () => {
    const { rounds } = walked(0, 60)
    expect(rounds.tick(() => expect.unreachable())).toBe(true)
  })

  it('whoever stays is met again in each round where others come and go faster than they are met', () => {
    const { entries, rounds } = walked(200, 60)
    const met = { first: 0, last: 0 }
    let next = 1000
    for (let tick = 0; tick < 60 * 20; tick++) {
      rounds.tick((entry) => {
        if (entry === 0) met.first++
        if (entry === 199) met.last++
      })
      for (let i = 0; i < 15; i++) {
        entries.delete(next - 60)
        entries.set(next, next++)
      }
    }
    expect(met).toEqual({ first: 20, last: 20 })
  })

  it('whoever stays is met within the time of a round, and nobody twice, whatever comes and goes', () => {
    const change = fc.record({ add: fc.nat(200), remove: fc.nat(200) })
    fc.assert(
      fc.property(fc.nat(500), fc.integer({ min: 1, max: 40 }), fc.array(change), (size, ticks, changes) => {
        const { entries, rounds } = walked(size, ticks)
        let next = size
        let steps = changes.values()
        for (let round = 0; round < 3; round++) {
          const there = new Set(entries.keys())
          const met = new Set<number>()
          for (let tick = 1; ; tick++) {
            expect(tick).toBeLessThanOrEqual(ticks)
            const ended = rounds.tick((entry) => {
              expect(met.has(entry)).toBe(false)
              met.add(entry)
            })
            if (ended) break
            // Those who came meanwhile may take longer.
            if (tick === ticks) for (const entry of there) expect(met.has(entry)).toBe(true)
            const step = steps.next()
            if (step.done === true) continue
            for (let i = 0; i < step.value.add; i++) entries.set(next, next++)
            for (const entry of [...entries.keys()].slice(0, step.value.remove)) {
              entries.delete(entry)
              there.delete(entry)
            }
          }
          for (const entry of there) expect(met.has(entry)).toBe(true)
          steps = changes.values()
        }
      }),
    )
  })
})
