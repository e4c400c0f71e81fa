/**
 * What a metric is: its kind, name, meaning and labels.
 */
import type { Label } from './metric-labels.ts'

export interface CounterSpec<Labels extends readonly Label[] = readonly Label[]> {
  readonly kind: 'counter'
  /** Without the prefix. */
  readonly name: `${string}_total`
  readonly help: string
  readonly labels: Labels
}

export interface GaugeSpec<Labels extends readonly Label[] = readonly Label[]> {
  readonly kind: 'gauge'
  readonly name: string
  readonly help: string
  readonly labels: Labels
}

/** Each series of a histogram costs a line per bucket: labels are for what cannot be understood without. */
export interface HistogramSpec<Labels extends readonly Label[] = readonly Label[]> {
  readonly kind: 'histogram'
  readonly name: string
  readonly help: string
  readonly labels: Labels
  /** Upper bounds, inclusive, growing; `+Inf` is understood. */
  readonly buckets: readonly number[]
}

export type MetricSpec = CounterSpec | GaugeSpec | HistogramSpec

export const METRIC_PREFIX = 'sluice_'

/** Of what is answered by a store in the same zone: within a millisecond where all is well, or within its time limit. */
export const ANSWER_BUCKETS_S = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
]

export function counter<const Labels extends readonly Label[]>(
  name: `${string}_total`,
  help: string,
  ...labels: Labels
): CounterSpec<Labels> {
  return { kind: 'counter', name, help, labels }
}

export function gauge<const Labels extends readonly Label[]>(
  name: string,
  help: string,
  ...labels: Labels
): GaugeSpec<Labels> {
  return { kind: 'gauge', name, help, labels }
}

export function histogram<const Labels extends readonly Label[]>(
  name: string,
  help: string,
  buckets: readonly number[],
  ...labels: Labels
): HistogramSpec<Labels> {
  return { kind: 'histogram', name, help, labels, buckets }
}
