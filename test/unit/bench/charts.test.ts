import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { chartLine, chartsOf, GROWTHS } from '../../../bench/lib/charts.ts'

const PAGE = `# Benchmarks

## Cost against size

Words.

**By subscribers**

| size             |  ratio | ratio of the best rounds | µs per delivery, median | µs per delivery, best |
| ---------------- | -----: | -----------------------: | ----------------------: | --------------------: |
| 1000 subscribers | 1.00 × |                   1.00 × |                    1.48 |                  1.15 |
| 10 subscribers   | 1.21 × |                   1.10 × |                    1.91 |                  1.27 |

## Another

**By connections**

| 5 connections | 1 | 1 | 7.00 | 7.00 |
`

describe('growth curves', () => {
  it('have a point for each row of the table, in the order of their sizes, and name what is shown', () => {
    const charts = chartsOf(PAGE)
    expect([...charts.keys()]).toEqual(['cost-by-subscribers.svg'])
    const chart = charts.get('cost-by-subscribers.svg') as string
    const places = [...chart.matchAll(/<circle class="point" cx="([\d.]+)" cy="([\d.]+)"/g)]
    // 10 on the left, 1000 on the right; 1.91 of at most 2 is higher than 1.48.
    expect(places.map(([, x, y]) => [Number(x), Number(y)])).toEqual([
      [96, 57.4],
      [576, 102.1],
    ])
    for (const text of ['>1.91<', '>1.48<', '>10<', '>1,000<', '>µs per delivery, median<', 'by subscribers'])
      expect(chart).toContain(text)
    expect(chart).toContain('prefers-color-scheme: dark')
  })

  it('of a table without sizes are a fault', () => {
    expect(() => chartsOf(PAGE.replaceAll(/^\| \d+ /gm, '| some '))).toThrow('no row with a size')
  })

  it('that are committed are those of the page, and the page shows them', () => {
    const docs = new URL('../../../docs/', import.meta.url)
    const page = readFileSync(new URL('benchmarks.md', docs), 'utf8')
    const charts = chartsOf(page)
    expect(charts.size).toBeGreaterThan(0)
    for (const [file, svg] of charts) {
      expect(readFileSync(new URL(`charts/${file}`, docs), 'utf8')).toBe(svg)
      expect(page).toContain(chartLine(GROWTHS.find((growth) => growth.file === file) as never))
    }
  })
})
