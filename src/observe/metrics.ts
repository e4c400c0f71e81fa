/**
 * What rooms count with. A cell is a plain number bound in advance (`metrics.resets.gap.inc()`), read when the page is
 * asked for; counting looks nothing up and allocates nothing.
 */
import type { Label } from './metric-labels.ts'
import { METRIC_PREFIX, METRIC_TABLE, NODE_INFO, type MetricSpec } from './metric-table.ts'
import {
  openMetricsText,
  PROMETHEUS_TYPE,
  prometheusText,
  type Family,
  type MetricsText,
  type Sample,
  type ShownExemplar,
} from './metrics-text.ts'
import { PROCESS_METRICS } from './process-metrics.ts'

export interface Counter {
  inc(): void
  /** `count` is not negative. */
  add(count: number): void
  readonly value: number
}

export interface Gauge {
  inc(): void
  dec(): void
  set(value: number): void
  /** From now on the gauge shows what `source` says at each scrape. For what a room knows anyway. */
  read(source: () => number): void
  readonly value: number
}

export interface Histogram {
  /** A negative value (two clocks that disagree) counts as 0. `exemplar`: the latest in its bucket is on the page of OpenMetrics. */
  observe(value: number, exemplar?: Exemplar): void
  readonly count: number
  readonly sum: number
  readonly bounds: readonly number[]
  /** Of each bucket for itself; one more than the bounds: the last is for what is over all of them. */
  readonly counts: readonly number[]
}

/** Which of all that was observed this one is. */
export interface Exemplar {
  readonly traceId: string
  /** Milliseconds since 1970. */
  readonly atMs: number
}

type CellOf<Kind extends MetricSpec['kind']> = { counter: Counter; gauge: Gauge; histogram: Histogram }[Kind]

/** A record per label, keyed by the values of the label, with the cells innermost. */
type ByLabels<Labels extends readonly Label[], Cell> = Labels extends readonly [
  infer First extends Label,
  ...infer Rest extends readonly Label[],
]
  ? { readonly [Value in First['values'][number]]: ByLabels<Rest, Cell> }
  : Cell

type Table = typeof METRIC_TABLE

/** A room takes the metrics that it counts: `Pick<Cells, 'resets' | 'delivered'>`. */
export type Cells = {
  readonly [Name in keyof Table]: ByLabels<Table[Name]['labels'], CellOf<Table[Name]['kind']>>
}

export interface Metrics extends Cells {
  /** The page for Prometheus: text format 0.0.4, or OpenMetrics for who accepts it, where there is something to show that the other has no place for. */
  page(accept: string | undefined): MetricsText
}

export interface NodeLabels {
  readonly node: string
  readonly version: string
  readonly region: string
  readonly role: string
}

class NumberCounter implements Counter {
  value = 0

  inc(): void {
    this.value++
  }

  add(count: number): void {
    this.value += count
  }
}

class NumberGauge implements Gauge {
  #value = 0
  #source: (() => number) | undefined

  inc(): void {
    this.#value++
  }

  dec(): void {
    this.#value--
  }

  set(value: number): void {
    this.#value = value
  }

  read(source: () => number): void {
    this.#source = source
  }

  get value(): number {
    return this.#source === undefined ? this.#value : this.#source()
  }
}

class BucketHistogram implements Histogram {
  readonly bounds: readonly number[]
  readonly counts: number[]
  /** Of each bucket; made for the first, so that whoever traces nothing pays nothing. */
  exemplars: (ShownExemplar | undefined)[] | undefined
  sum = 0
  count = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  observe(value: number, exemplar?: Exemplar): void {
    // The sum must never fall (Prometheus takes that for a restart), and one NaN would spoil it for good.
    const seen = value > 0 ? value : 0
    const bounds = this.bounds
    let index = 0
    while (index < bounds.length && seen > (bounds[index] as number)) index++
    ;(this.counts[index] as number)++
    this.sum += seen
    this.count++
    if (exemplar === undefined) return
    const { traceId, atMs } = exemplar
    this.exemplars ??= []
    this.exemplars[index] = { traceId, value: seen, timestamp: atMs / 1000 }
  }
}

const SILENT_COUNTER: Counter = { inc() {}, add() {}, value: 0 }
const SILENT_GAUGE: Gauge = { inc() {}, dec() {}, set() {}, read() {}, value: 0 }
const SILENT_HISTOGRAM: Histogram = { observe() {}, count: 0, sum: 0, bounds: [], counts: [] }

type MakeCell = (spec: MetricSpec, labels: Readonly<Record<string, string>>) => object

/** The nested records of one metric, with a cell for each combination of label values. */
function bind(spec: MetricSpec, make: MakeCell, labels: Readonly<Record<string, string>> = {}): object {
  const label = spec.labels[Object.keys(labels).length]
  if (label === undefined) return make(spec, labels)
  return Object.fromEntries(
    label.values.map((value) => [value, bind(spec, make, { ...labels, [label.name]: value })]),
  )
}

function bindAll(make: MakeCell): Cells {
  return Object.fromEntries(
    Object.entries(METRIC_TABLE).map(([name, spec]) => [name, bind(spec, make)]),
  ) as unknown as Cells
}

function histogramSamples(cell: BucketHistogram, labels: Sample['labels']): Sample[] {
  let cumulative = 0
  const samples: Sample[] = cell.counts.map((count, index) => {
    cumulative += count
    return {
      suffix: '_bucket',
      labels: { ...labels, le: String(cell.bounds[index] ?? '+Inf') },
      value: cumulative,
      exemplar: cell.exemplars?.[index],
    }
  })
  samples.push({ suffix: '_sum', labels, value: cell.sum })
  samples.push({ suffix: '_count', labels, value: cell.count })
  return samples
}

export interface MetricsOptions {
  readonly node: NodeLabels
  /** Also the CPU time and the memory of the process. Not where nodes share one: sums over nodes would be wrong. */
  readonly process: boolean
  /** Messages are traced, and histograms have exemplars. */
  readonly traced?: boolean
}

export function createMetrics(options: MetricsOptions): Metrics {
  const samples = new Map<MetricSpec, (() => readonly Sample[])[]>()
  const cells = bindAll((spec, labels) => {
    const reads = samples.get(spec) ?? []
    samples.set(spec, reads)
    if (spec.kind === 'histogram') {
      const cell = new BucketHistogram(spec.buckets)
      reads.push(() => histogramSamples(cell, labels))
      return cell
    }
    const cell = spec.kind === 'counter' ? new NumberCounter() : new NumberGauge()
    reads.push(() => {
      const value = cell.value
      // A source that does not know yet: no sample says that better than a number.
      return Number.isFinite(value) ? [{ labels, value }] : []
    })
    return cell
  })
  const families = familiesOf(options, samples)
  return {
    ...cells,
    page(accept) {
      // With exemplars only: what every Prometheus has been given so far stays as it is where nothing is traced.
      const isOpen = options.traced === true && acceptsOpenMetrics(accept)
      return isOpen ? openMetricsText(families) : prometheusText(families)
    },
  }
}

/** Version 1.0.0, as Prometheus asks for it before all others, or whichever there is. */
function acceptsOpenMetrics(accept: string | undefined): boolean {
  return /\bapplication\/openmetrics-text\b(?!\s*;\s*version=(?!1\.0\.0))/.test(accept ?? '')
}

function familiesOf(
  options: MetricsOptions,
  samples: ReadonlyMap<MetricSpec, readonly (() => readonly Sample[])[]>,
): readonly Family[] {
  const info = [{ labels: { ...options.node, runtime: `node ${process.versions.node}` }, value: 1 }]
  return [
    ...[...samples].map(([{ name, help, kind }, reads]) => ({
      ...{ name: METRIC_PREFIX + name, help, kind },
      samples: () => reads.flatMap((read) => read()),
    })),
    { ...NODE_INFO, name: METRIC_PREFIX + NODE_INFO.name, samples: () => info },
    ...(options.process ? PROCESS_METRICS : []).map((metric) => ({
      ...metric,
      samples: () => [{ labels: {}, value: metric.read() }],
    })),
  ]
}

/** Counts nothing. For rooms that run alone, in tests and benches. */
export const silentMetrics: Metrics = {
  ...bindAll((spec) => {
    switch (spec.kind) {
      case 'counter':
        return SILENT_COUNTER
      case 'gauge':
        return SILENT_GAUGE
      case 'histogram':
        return SILENT_HISTOGRAM
      default:
        return spec satisfies never
    }
  }),
  page: () => ({ contentType: PROMETHEUS_TYPE, text: '' }),
}
