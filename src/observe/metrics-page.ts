/**
 * docs/metrics.md, written from the table.
 */
import { METRIC_GROUPS, METRIC_PREFIX, NODE_INFO, type MetricSpec } from './metric-table.ts'

const INTRO = `# Metrics

Every metric of the gateway, as \`GET /metrics\` on the second listener shows it. Written from
\`src/observe/metric-table.ts\` by \`npm run docs:metrics\`.

Every combination of label values is there from the start, at zero. \`/metrics\` also shows what prom-client knows about
the process (\`process_*\`, \`nodejs_*\`): CPU, memory, garbage collection. Alerts on the ones that matter are in
\`deploy/prometheus/alerts.yaml\`.
`

const TABLE_HEAD = ['| metric | kind | labels | meaning |', '| --- | --- | --- | --- |']

export function metricsPage(): string {
  const lines = [INTRO]
  for (const [title, group] of METRIC_GROUPS) {
    lines.push(`## ${title}`, '', ...TABLE_HEAD, ...Object.values(group).map(rowOf), '')
  }
  lines.push(
    '## What runs',
    '',
    ...TABLE_HEAD,
    row({ ...NODE_INFO, labels: NODE_INFO.labels.map(code).join(', ') }),
  )
  return `${lines.join('\n')}\n`
}

function rowOf(spec: MetricSpec): string {
  const labels = spec.labels.map(({ name, values }) => `${code(name)}: ${values.map(code).join(', ')}`)
  if (spec.kind === 'histogram') labels.push(`buckets ${spec.buckets.join(', ')}`)
  return row({ ...spec, labels: labels.join('<br>') })
}

function row(metric: { name: string; kind: string; labels: string; help: string }): string {
  const { name, kind, labels, help } = metric
  return `| ${code(METRIC_PREFIX + name)} | ${kind} | ${labels} | ${help} |`
}

function code(value: string): string {
  return `\`${value}\``
}
