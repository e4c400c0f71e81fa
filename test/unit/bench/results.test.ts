import { describe, expect, it } from 'vitest'
import { joined, sectionOf, type Result } from '../../../bench/lib/results.ts'

function result(rounds: readonly number[], also: Partial<Result> = {}): Result {
  const rows = [
    { label: 'raw', rounds: rounds.map((round) => round / 2) },
    { label: 'Sluice', rounds },
  ]
  const outcome = {
    arrangement: 'As always.',
    tables: [{ caption: 'Warm', unit: 'µs', per: 'connect', rows } as const],
  }
  return {
    title: 'Connects',
    outcome,
    rounds: rounds.length,
    machine: 'm',
    commit: 'c',
    tookSeconds: 10,
    ...also,
  }
}

describe('rounds that were run apart', () => {
  it('stand in one table, in the order of the runs', () => {
    expect(joined(result([2]), result([4, 6]))).toEqual({ ...result([2, 4, 6]), tookSeconds: 20 })
  })

  it.each([
    ['another commit', { commit: 'd' }, /another commit .*without --add/],
    ['another machine', { machine: 'n' }, /another machine/],
    ['other rows', { outcome: { arrangement: 'As always.', tables: [] } }, /no row raw in Warm/],
    ['another arrangement', { outcome: { arrangement: 'Otherwise.', tables: [] } }, /arranged otherwise/],
  ])('do not stand beside those of %s', (_, also, sentence) => {
    expect(() => joined(result([2], also), result([4]))).toThrow(sentence)
  })
})

it('are not added where the tree has changes: they may differ from one run to the next', () => {
  const changed = { commit: 'c with changes' }
  expect(() => joined(result([2], changed), result([4], changed))).toThrow('commit them')
})

describe('the section of a benchmark that was not run', () => {
  const page = '# Benchmarks\n\n## Connects\n\nOne.\n\n### More\n\nTwo.\n\n## Encoding\n\nThree.\n'

  it('stays as it was', () => {
    expect(sectionOf(page, 'Connects')).toBe('## Connects\n\nOne.\n\n### More\n\nTwo.\n\n')
    expect(sectionOf(page, 'Encoding')).toBe('## Encoding\n\nThree.\n')
    expect(sectionOf('## Connects\n\nOne.\n', 'Connects')).toBe('## Connects\n\nOne.\n')
  })

  it('is absent where the page has none', () => {
    expect(sectionOf(page, 'Encod')).toBeUndefined()
    expect(sectionOf(page, 'More')).toBeUndefined()
  })
})
