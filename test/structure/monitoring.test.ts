/**
 * What watches the gateway asks for what the gateway measures: an alert on a metric or a label that is not there never comes, and a
 * panel stays empty.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { ALL_FAULTS } from '../support/alerts/faults.ts'
import { dashboards, panelsOf, questionsOf, showsOnlyWhatHappens } from '../support/dashboards.ts'
import { labelsIn, metricsIn, unknownIn } from '../support/known-metrics.ts'

const DEPLOY = new URL('../../deploy/', import.meta.url)

interface Alert {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook: string }
}

const read = (path: string): string => readFileSync(new URL(path, DEPLOY), 'utf8')
const alerts = (parse(read('prometheus/alerts.yaml')) as { groups: { rules: Alert[] }[] }).groups.flatMap(
  ({ rules }) => rules,
)
/** Names between two braces: labels of what an expression answers. */
function shownLabels(text: string): string[] {
  return [...text.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/g)].map(([, name]) => name as string)
}

function missingLabels(text: string, expression: string): string[] {
  const labels = labelsIn(expression)
  return shownLabels(text).filter((name) => !labels.has(name))
}

/** The units of Grafana that fit what an expression answers, by the names of its metrics and what is done with them. */
function fittingUnits(expression: string): string[] {
  const measured = metricsIn(expression).filter((name) => name !== 'sluice_node_info')
  const isBytes = /_bytes(?:_|$)/.test(measured[0] ?? '')
  if (expression.includes('histogram_quantile')) return ['s']
  if (expression.includes(' / ')) return isBytes ? ['bytes'] : ['percentunit', 'short']
  if (/\brate\(/.test(expression)) {
    const isTime = measured.every((name) => name.endsWith('_seconds_total'))
    return isTime ? ['percentunit'] : [isBytes ? 'Bps' : 'cps']
  }
  if (measured.includes('sluice_admission_pressure')) return ['percentunit']
  return [isBytes ? 'bytes' : measured.every((name) => name.endsWith('_seconds')) ? 's' : 'short']
}

describe('the check itself', () => {
  it.each([
    ['sum(sluice_no_such_total)', ['there is no metric sluice_no_such_total']],
    ['sluice_connections{transport="pigeon"}', ['transport of sluice_connections is never "pigeon"']],
    ['sluice_connections{colour="red"}', ['sluice_connections has no label colour']],
    ['sum by (colour) (sluice_connections)', ['no metric of it has the label colour']],
    ['rate(sluice_delivery_latency_seconds[5m])', ['there is no metric sluice_delivery_latency_seconds']],
    ['vector(1)', ['it asks for no metric']],
    ['sum by (le, transport) (rate(sluice_probe_latency_seconds_bucket[5m]))', []],
    [
      'sum by (le, colour) (rate(sluice_probe_latency_seconds_bucket[5m]))',
      ['no metric of it has the label colour'],
    ],
    ['sum by (transport) (rate(sluice_connects_total{transport=~"sse|poll"}[5m]))', []],
    ['sluice_deaf * on (instance) group_left (version) sluice_node_info', []],
  ])('of %s says %j', (expression, faults) => {
    expect(unknownIn(expression)).toEqual(faults)
  })
})

describe.each(alerts.map((alert) => [alert.alert, alert] as const))('%s', (name, alert) => {
  it('asks for what there is, and shows labels that it has', () => {
    expect(unknownIn(alert.expr)).toEqual([])
    const { summary, description } = alert.annotations
    expect(missingLabels(summary + description, alert.expr)).toEqual([])
    expect(['page', 'ticket']).toContain(alert.labels.severity)
    for (const text of [summary, description]) expect(text).toMatch(/\.$/)
  })

  it('names its section of the runbook', () => {
    const { runbook } = alert.annotations
    expect(runbook).toBe(`docs/runbook.md#${name.toLowerCase()}`)
    expect(read('../docs/runbook.md').split('\n')).toContain(`### ${name}`)
  })
})

it('alerts have names of their own', () => {
  expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length)
})

it('each alert is made by a fault, in the test of alerts or in their storm', () => {
  const made = ALL_FAULTS.flatMap(({ makes }) => makes.map(({ alert }) => alert))
  expect(alerts.map(({ alert }) => alert).filter((name) => !made.includes(name))).toEqual([])
  expect(made.filter((name) => !alerts.some(({ alert }) => alert === name))).toEqual([])
})

it('the runbook has no alert that is not there', () => {
  const sections = [...read('../docs/runbook.md').matchAll(/^### (Sluice\w+)$/gm)].map(
    ([, name]) => name as string,
  )
  expect(sections.sort()).toEqual(alerts.map(({ alert }) => alert).sort())
})

describe.each(dashboards())('the dashboard %s', (_file, dashboard) => {
  const targets = questionsOf(dashboard)

  it('asks for what there is, from a source that can be chosen', () => {
    expect(targets).not.toEqual([])
    for (const { title, expr, legendFormat = '', datasource } of targets) {
      expect(unknownIn(expr), `${title}: ${expr}`).toEqual([])
      expect(missingLabels(legendFormat, expr), title).toEqual([])
      expect(datasource).toEqual({ type: 'prometheus', uid: '${datasource}' })
    }
    for (const { expr, titleFormat, textFormat = '' } of dashboard.annotations.list) {
      expect(unknownIn(expr)).toEqual([])
      expect(missingLabels(titleFormat + textFormat, expr)).toEqual([])
    }
  })

  it.each(targets)('says of $title in a unit that fits what it is', ({ expr, unit }) => {
    expect(fittingUnits(expr)).toContain(unit)
  })

  it('says that nothing has happened, in a panel that is empty then', () => {
    const silent = panelsOf(dashboard).filter(
      ({ noValue, questions }) =>
        noValue === undefined && questions.every(({ expr }) => showsOnlyWhatHappens(expr)),
    )
    expect(silent.map(({ title }) => title)).toEqual([])
  })

  it('has each panel in a place of its own', () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
    const ids = dashboard.panels.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { gridPos } of dashboard.panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
  })
})

it('what an alert asks for has a panel, so that whoever is woken up sees it; so has what clients tell of themselves', () => {
  const panels = dashboards().flatMap(([, dashboard]) => dashboard.panels)
  const shown = new Set(panels.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => metricsIn(expr))))
  // Prometheus' own page has who answers it.
  const asked = alerts.flatMap(({ expr }) => metricsIn(expr)).filter((name) => name !== 'up')
  expect([...asked, 'sluice_probe_latency_seconds_bucket'].filter((name) => !shown.has(name))).toEqual([])
})

it('dashboards have names of their own', () => {
  expect(new Set(dashboards().map(([, { uid }]) => uid)).size).toBe(dashboards().length)
  expect(
    dashboards()
      .map(([file]) => file)
      .sort(),
  ).toEqual(['capacity.json', 'deploy.json', 'node.json', 'overview.json'])
})
