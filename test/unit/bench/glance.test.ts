import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Table } from '../../../bench/lib/bench.ts'
import { glanceSection } from '../../../bench/lib/glance.ts'
import type { Result } from '../../../bench/lib/results.ts'

function resultOf(title: string, ...tables: readonly Table[]): Result {
  const about = { rounds: 2, machine: 'm', commit: 'c', tookSeconds: 1 }
  return { title, outcome: { arrangement: '', tables }, ...about }
}

function table(caption: string, also: Partial<Table> = {}): Table {
  const rows = [
    { label: 'raw uWebSockets.js', rounds: [10, 20] },
    { label: 'Sluice', rounds: [20, 50] },
    { label: 'Nchan', rounds: [5, 10] },
    { label: 'node:http', rounds: [9, 9] },
  ]
  return { caption, unit: 'µs', per: 'delivery', rows, ...also }
}

describe('the results at a glance', () => {
  it('are a line for each table, with the ratios to raw uWebSockets.js and a link to the section', () => {
    const section = glanceSection([resultOf('Sent, to many', table('Over HTTP'), table('CPU at rest'))])
    expect(section).toContain(
      '| [Sent, to many](#sent-to-many): over HTTP | CPU | 1.00 × | 2.25 × | – | – | 0.50 × |\n' +
        '| [Sent, to many](#sent-to-many): CPU at rest | CPU | 1.00 × ',
    )
  })

  it('say of what, and leave out what stands aside and what compares with somebody else', () => {
    const lines = (one: Table, title = 'Idle'): number =>
      glanceSection([resultOf(title, one)]).split('\n').length
    expect(glanceSection([resultOf('Idle', table('Each', { unit: 'bytes' }))])).toContain(
      '): each | memory |',
    )
    expect(glanceSection([resultOf('Idle', table('Each', { aside: true }))])).toBe('')
    expect(
      glanceSection([resultOf('Idle', table('Each', { rows: [{ label: 'Sluice', rounds: [1] }] }))]),
    ).toBe('')
    // Lateness stands aside for checks, and is shown all the same.
    const late = table('At 1000 messages a second, p99', { aside: true })
    expect(glanceSection([resultOf('Latency under load', late)])).toContain('p99 | lateness |')
    expect(lines(table('Each'))).toBeGreaterThan(5)
  })

  it('that are committed are those of the results that are kept, and each link leads to a heading', () => {
    const page = readFileSync('docs/benchmarks.md', 'utf8')
    const lines = page.split('\n').filter((line) => line.startsWith('| [') && line.includes('](#'))
    const anchors = page
      .split('\n')
      .filter((line) => line.startsWith('## '))
      .map((line) =>
        line
          .slice(3)
          .toLowerCase()
          .replaceAll(/[^a-z0-9 -]/g, '')
          .replaceAll(' ', '-'),
      )
    for (const line of lines) expect(anchors).toContain(/\]\(#([^)]+)\)/.exec(line)?.[1])
    const results = readdirSync('bench/results')
      .filter((name) => name !== 'check.json')
      .map((name) => JSON.parse(readFileSync(`bench/results/${name}`, 'utf8')) as Result)
    const made = glanceSection(results)
      .split('\n')
      .filter((line) => line.startsWith('| ['))
    expect(made.length).toBeGreaterThan(10)
    expect(lines.toSorted()).toEqual(made.toSorted())
  })
})
