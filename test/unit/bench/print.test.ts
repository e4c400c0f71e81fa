import { expect, it } from 'vitest'
import type { Table } from '../../../bench/lib/bench.ts'
import { shownOf } from '../../../bench/lib/print.ts'

const each = { unit: 'µs', per: 'delivery' } as const

function table(caption: string, ours: readonly number[], also: Partial<Table> = {}): Table {
  const rows = [
    { label: 'raw', rounds: [10, 20] },
    { label: 'Sluice', rounds: ours },
  ]
  return { caption, ...each, rows, ...also }
}

it('tables of a group are one, with a column and its ratio for each; the others stay as they are', () => {
  const shown = shownOf([
    table('Alone', [20, 40]),
    table('Late, p50', [11, 22], { group: 'Late', column: 'p50' }),
    table('Late, p99', [30, 60], { group: 'Late', column: 'p99' }),
    table('Later, p50', [10, 20], { group: 'Later', column: 'p50' }),
  ])
  expect(shown.map(({ caption }) => caption)).toEqual(['Alone', 'Late', 'Later'])
  expect(shown[1]?.lines).toEqual([
    '| server | p50, µs |  ratio | p99, µs |  ratio |',
    '| ------ | ------: | -----: | ------: | -----: |',
    '| raw    |    15.0 | 1.00 × |    15.0 | 1.00 × |',
    '| Sluice |    16.5 | 1.10 × |    45.0 | 3.00 × |',
  ])
})

it('a row that is missing in one of a group is a dash there, and a note stands beside its label', () => {
  const rows = [{ label: 'raw', rounds: [10], note: 'busy' }]
  const [shown] = shownOf([
    { caption: 'a', ...each, group: 'Late', column: 'p50', rows },
    { caption: 'b', ...each, group: 'Late', column: 'p99', rows: [] },
  ])
  expect(shown?.lines.at(-1)).toBe('| raw (busy) |    10.0 | 1.00 × |       – |     – |')
})
