/**
 * The page for Prometheus as text: format 0.0.4 of Prometheus, or OpenMetrics 1.0.0, which has exemplars. Pure.
 *
 * Written here: libraries keep the values themselves, behind a lookup by labels for each count, and take none that were counted elsewhere.
 */
export interface Family {
  readonly name: string
  readonly help: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly samples: () => readonly Sample[]
}

export interface Sample {
  /** Of a histogram, what follows its name. */
  readonly suffix?: '_bucket' | '_sum' | '_count'
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly exemplar?: ShownExemplar | undefined
}

export interface ShownExemplar {
  readonly traceId: string
  readonly value: number
  /** Seconds since 1970. */
  readonly timestamp: number
}

export interface MetricsText {
  readonly contentType: string
  readonly text: string
}

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export function prometheusText(families: readonly Family[]): MetricsText {
  const blocks = families.map((family) =>
    [...headOf(family, family.name), ...family.samples().map((sample) => lineOf(family.name, sample))].join(
      '\n',
    ),
  )
  return { contentType: PROMETHEUS_TYPE, text: `${blocks.join('\n\n')}\n` }
}

/** A counter is named without `_total` there; its samples are not. */
export function openMetricsText(families: readonly Family[]): MetricsText {
  const lines = families.flatMap((family) => [
    ...headOf(family, family.kind === 'counter' ? family.name.replace(/_total$/, '') : family.name),
    ...family.samples().map((sample) => lineOf(family.name, sample) + exemplarText(sample.exemplar)),
  ])
  return {
    contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
    text: `${lines.join('\n')}\n# EOF\n`,
  }
}

function headOf({ help, kind }: Family, name: string): string[] {
  return [`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${kind}`]
}

function lineOf(name: string, { suffix, labels, value }: Sample): string {
  const pairs = pairsOf(labels)
  return `${name}${suffix ?? ''}${pairs === '' ? '' : `{${pairs}}`} ${numberText(value)}`
}

function exemplarText(exemplar: ShownExemplar | undefined): string {
  if (exemplar === undefined) return ''
  const { traceId, value, timestamp } = exemplar
  return ` # {${pairsOf({ trace_id: traceId })}} ${numberText(value)} ${timestamp}`
}

function pairsOf(labels: Sample['labels']): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value).replaceAll('"', String.raw`\"`)}"`)
    .join(',')
}

function escaped(text: string): string {
  return text.replaceAll('\\', String.raw`\\`).replaceAll('\n', String.raw`\n`)
}

/** Where something infinite was observed, the sum is. */
function numberText(value: number): string {
  return value === Infinity ? '+Inf' : String(value)
}
