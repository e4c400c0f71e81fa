/** Each expression of the dashboards and of the canary's analysis is one that Prometheus can read. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { dashboards, questionsOf } from '../support/dashboards.ts'
import { passesPromtool, promtool } from '../support/promtool.ts'

const DEPLOY = new URL('../../deploy/', import.meta.url)

/** All texts that stand under this name, however deep. */
function textsUnder(name: string, value: unknown): string[] {
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key === name && typeof inner === 'string' ? [inner] : textsUnder(name, inner),
  )
}

/** With values in the place of variables. */
function filled(expression: string): string {
  return expression
    .replaceAll('$__rate_interval', '5m')
    .replaceAll('{{args.version}}', '1')
    .replaceAll('$instance', 'a:8081')
}

function check(expressions: readonly string[]): void {
  const rules = expressions.map((expr, index) => ({ record: `test:${index}`, expr: filled(expr) }))
  passesPromtool(['check', 'rules'], { groups: [{ name: 'expressions', rules }] })
}

const read = (path: string): string => readFileSync(new URL(path, DEPLOY), 'utf8')

describe.skipIf(promtool.missing !== undefined)(`expressions${promtool.note}`, () => {
  it.each(dashboards())('of %s can be read', (_name, dashboard) => {
    const markers = dashboard.annotations.list.map(({ expr }) => expr)
    const expressions = [...questionsOf(dashboard).map(({ expr }) => expr), ...markers]
    expect(expressions.length).toBeGreaterThan(10)
    check(expressions)
  })

  it("of the canary's analysis can be read", () => {
    const expressions = textsUnder('query', parse(read('kubernetes/overlays/canary/analysis.yaml')))
    expect(expressions).toHaveLength(5)
    check(expressions)
  })

  it('that cannot be read are found', () => {
    expect(() => check(['sum by (sluice_connections'])).toThrow(/parse error/)
  })
})
