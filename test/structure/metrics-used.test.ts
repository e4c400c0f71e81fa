import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { METRIC_TABLE, type MetricSpec } from '../../src/observe/metric-table.ts'

/** A metric that nobody counts stays 0 for ever, and an alert on it never comes. */

const root = fileURLToPath(new URL('../../src/', import.meta.url))
const source = (readdirSync(root, { recursive: true }) as string[])
  .filter((file) => file.endsWith('.ts') && !file.startsWith('observe/') && !file.startsWith('client/'))
  .map((file) => readFileSync(root + file, 'utf8'))
  .join('\n')

/** What follows each use of a metric: `metrics.name`, or `{ name }` taken out of the metrics. */
function usesOf(name: string): string[] {
  const taken = [...source.matchAll(/\{([^{}]*)\}(?::\s*Metrics\b|\s*=\s*[\w.#]*metrics\b)/g)].some(
    ([, names = '']) => names.split(',').some((one) => one.trim() === name),
  )
  const pattern = new RegExp(`${taken ? `(?:metrics\\.|\\b)` : `metrics\\.`}${name}\\b([.[]?\\w*)`, 'g')
  return [...source.matchAll(pattern)].map(([, after = '']) => after)
}

describe('what counts', () => {
  it.each(Object.entries(METRIC_TABLE) as [string, MetricSpec][])('%s is counted somewhere', (name, spec) => {
    const uses = usesOf(name)
    expect(uses).not.toEqual([])
    const [first] = spec.labels
    // Taken by a label that varies, or handed on as a whole.
    if (first === undefined || uses.some((after) => !after.startsWith('.'))) return
    for (const value of first.values) expect(uses, `${name}.${value}`).toContain(`.${value}`)
  })
})
