/**
 * docs/metrics.md, written from the tables.
 */
import { METRIC_GROUPS, METRIC_PREFIX, NODE_INFO, type MetricSpec } from './metric-table.ts'
import { PROCESS_METRICS } from './process-metrics.ts'

const INTRO = `# Metrics

Every metric of the gateway, as \`GET /metrics\` on the second listener shows it. Written from
\`src/observe/metric-table.ts\` by \`npm run docs:metrics\`.

Every combination of label values is there from the start, at zero. Alerts on the metrics that matter are in
\`deploy/prometheus/alerts.yaml\`.
`

const TABLE_HEAD = ['| metric | kind | labels | meaning |', '| --- | --- | --- | --- |']

export function metricsPage(): string {
  const lines = [INTRO]
  for (const [title, group] of METRIC_GROUPS) {
    lines.push(`## ${title}`, '', ...TABLE_HEAD, ...Object.values(group).map(rowOf), '')
  }
  lines.push('## What runs', '', ...TABLE_HEAD)
  const labels = NODE_INFO.labels.map(code).join(', ')
  lines.push(row({ ...NODE_INFO, name: METRIC_PREFIX + NODE_INFO.name, labels }))
  for (const metric of PROCESS_METRICS) lines.push(row({ ...metric, labels: '' }))
  return `${lines.join('\n')}\n`
}

function rowOf(spec: MetricSpec): string {
  const labels = spec.labels.map(({ name, values }) => `${code(name)}: ${values.map(code).join(', ')}`)
  if (spec.kind === 'histogram') labels.push(`buckets ${spec.buckets.join(', ')}`)
  return row({ ...spec, name: METRIC_PREFIX + spec.name, labels: labels.join('<br>') })
}

function row(metric: { name: string; kind: string; labels: string; help: string }): string {
  return `| ${code(metric.name)} | ${metric.kind} | ${metric.labels} | ${metric.help} |`
}

function code(value: string): string {
  return `\`${value}\``
}
