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

/** Without labels: nobody has needed them so far, and each series of a histogram costs a line per bucket. */
export interface HistogramSpec {
  readonly kind: 'histogram'
  readonly name: string
  readonly help: string
  readonly labels: readonly []
  /** Upper bounds, inclusive, growing; `+Inf` is understood. */
  readonly buckets: readonly number[]
}

export type MetricSpec = CounterSpec | GaugeSpec | HistogramSpec

export const METRIC_PREFIX = 'sluice_'

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

export function histogram(name: string, help: string, buckets: readonly number[]): HistogramSpec {
  return { kind: 'histogram', name, help, labels: [], buckets }
}
