import { describe, expect, it } from 'vitest'
import { committedIn, compare } from '../../../bench/lib/committed.ts'
import type { Outcome } from '../../../bench/lib/bench.ts'
import { tableLines } from '../../../bench/lib/print.ts'

function outcome(floor: readonly number[], ours: readonly number[]): Outcome {
  const rows = [
    { label: 'raw', rounds: floor },
    { label: 'Sluice', rounds: ours },
  ]
  return { arrangement: '', tables: [{ caption: 'Warm', unit: 'µs', per: 'connect', rows }] }
}

function pageOf({ tables }: Outcome): string {
  const texts = tables.map((table) => `**${table.caption}**\n\n${tableLines(table).join('\n')}`)
  return `# Benchmarks\n\n## Connects\n\n${texts.join('\n')}\n`
}

const committed = committedIn(pageOf(outcome([10, 10, 10], [20, 22, 21])))

describe('the ratios of the page', () => {
  it('are read as they were written', () => {
    expect(Object.fromEntries(committed)).toEqual({ 'Connects, Warm: raw': 1, 'Connects, Warm: Sluice': 2.1 })
  })

  it.each([
    ['as it was', [21, 21, 21], true],
    ['better', [10, 10, 10], true],
    ['worse by less than the tolerance', [25, 26, 25], true],
    ['worse by more', [27, 27, 27], false],
    ['worse in one round, which was disturbed', [21, 99, 21], true],
  ])('are held against a run: %s', (_, ours, good) => {
    expect(compare('Connects', outcome([10, 10, 10], ours), committed)).toEqual([
      expect.objectContaining({ what: 'Connects, Warm: Sluice', committed: 2.1, good }),
    ])
  })

  it('do not depend on how fast the machine is', () => {
    expect(compare('Connects', outcome([100, 40, 70], [210, 84, 147]), committed)[0]?.good).toBe(true)
  })

  it('have to be there: what nobody has committed is not good', () => {
    expect(compare('Departures', outcome([1], [1]), committed)).toEqual([
      { what: 'Departures, Warm: Sluice', committed: undefined, measured: 1, good: false },
    ])
  })

  it('are not those of a table that stands aside', () => {
    const { tables, ...rest } = outcome([10], [99])
    expect(
      compare('Connects', { ...rest, tables: tables.map((one) => ({ ...one, aside: true })) }, committed),
    ).toEqual([])
  })
})
