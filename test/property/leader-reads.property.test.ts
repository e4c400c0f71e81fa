import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StreamEntry } from '../../src/drivers/jetstream-port.ts'
import { asTheLeaderHasIt } from '../../src/drivers/leader-reads.ts'

const MAX = 200
const numbers = fc.uniqueArray(fc.integer({ min: 1, max: MAX }), { maxLength: 150 })
const entriesOf = (of: readonly number[], by: string): StreamEntry[] =>
  of.toSorted((a, b) => a - b).map((sequence) => ({ sequence, data: Buffer.from(`${by} ${sequence}`) }))
const within = (entries: readonly StreamEntry[], from: number, to: number): StreamEntry[] =>
  entries.filter(({ sequence }) => sequence >= from && sequence <= to)

describe('asTheLeaderHasIt', () => {
  it('is what the leader has, without a hole, whatever a replica shows', async () => {
    await fc.assert(
      fc.asyncProperty(numbers, numbers, fc.nat(MAX), fc.nat(MAX), async (leaders, replicas, a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)]
        const leader = entriesOf(leaders, 'leader')
        const shown = within(entriesOf(replicas, 'replica'), from, to)
        const next = (sequence: number): Promise<StreamEntry | undefined> =>
          Promise.resolve(leader.find((entry) => entry.sequence >= sequence))
        const read = await asTheLeaderHasIt(shown, from, to, next)
        const there = within(leader, from, to)
        expect(read).toEqual(there.slice(0, read.length))
        // So whoever reads on from there gets to the end.
        if (shown.length > 0 && there.length > 0) expect(read.length).toBeGreaterThan(0)
      }),
    )
  })

  it('is all that a replica shows that is like its leader, for one question each', async () => {
    await fc.assert(
      fc.asyncProperty(numbers, async (leaders) => {
        const leader = entriesOf(leaders, 'leader')
        let asked = 0
        const read = await asTheLeaderHasIt(entriesOf(leaders, 'replica'), 1, MAX, (sequence) => {
          asked++
          return Promise.resolve(leader.find((entry) => entry.sequence >= sequence))
        })
        expect(read).toEqual(leader)
        expect(asked).toBe(leader.length)
      }),
    )
  })
})
