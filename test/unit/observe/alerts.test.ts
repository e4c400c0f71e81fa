import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { METRIC_PREFIX, METRIC_TABLE, type MetricSpec } from '../../../src/observe/metric-table.ts'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string }
}

const file = readFileSync(new URL('../../../deploy/prometheus/alerts.yaml', import.meta.url), 'utf8')
const { groups } = parse(file) as { groups: readonly { name: string; rules: readonly Rule[] }[] }
const rules = groups.flatMap((group) => group.rules)
const specs = new Map<string, MetricSpec>(
  Object.values(METRIC_TABLE).flatMap((spec: MetricSpec): [string, MetricSpec][] =>
    spec.kind === 'histogram'
      ? ['_bucket', '_sum', '_count'].map((suffix) => [METRIC_PREFIX + spec.name + suffix, spec])
      : [[METRIC_PREFIX + spec.name, spec]],
  ),
)

/** Every metric of an expression with its matchers, `name{label="a|b"}`. */
function selectorsOf(expr: string): { name: string; matchers: [string, string][] }[] {
  return [...expr.matchAll(/\b(sluice_\w+)(?:\{([^}]*)\})?/g)].map(([, name = '', inside = '']) => ({
    name,
    matchers: [...inside.matchAll(/(\w+)=~?"([^"]*)"/g)].map(([, label = '', value = '']) => [label, value]),
  }))
}

describe('deploy/prometheus/alerts.yaml', () => {
  it('names each alert once', () => {
    expect(rules.length).toBeGreaterThan(10)
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
  })

  it.each(rules)('$alert is about metrics and label values that exist', ({ expr }) => {
    const selectors = selectorsOf(expr)
    expect(selectors.length).toBeGreaterThan(0)
    for (const { name, matchers } of selectors) {
      const spec = specs.get(name)
      expect(spec, name).toBeDefined()
      for (const [label, value] of matchers) {
        const values = spec?.labels.find((one) => one.name === label)?.values
        for (const alternative of value.split('|')) expect(values, `${name}.${label}`).toContain(alternative)
      }
    }
  })

  it.each(rules)('$alert says who has to act, what happens and what to do', ({ labels, annotations }) => {
    expect(['page', 'ticket']).toContain(labels.severity)
    expect(annotations.summary).toMatch(/\.$/)
    expect(annotations.description).toMatch(/\.$/)
  })
})
