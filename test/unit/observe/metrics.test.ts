import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { METRIC_PREFIX, METRIC_TABLE, type MetricSpec } from '../../../src/observe/metric-table.ts'
import { disconnectReason } from '../../../src/observe/metric-labels.ts'
import { createMetrics, silentMetrics, type Metrics } from '../../../src/observe/metrics.ts'
import { PROCESS_METRICS } from '../../../src/observe/process-metrics.ts'
import { CLOSES, type CloseReason } from '../../../src/errors.ts'
import { promtool } from '../../support/promtool.ts'
import { temporaryDirectory } from '../../support/server-process.ts'
import { parseExposition } from './exposition.ts'

const NODE = { node: 'n1', version: '1.2.3', region: 'eu "west"\\1', role: 'all' }
const SPECS: readonly MetricSpec[] = Object.values(METRIC_TABLE)

function fresh(): Metrics {
  return createMetrics({ node: NODE, process: false })
}

function samplesOf(metrics: Metrics): ReadonlyMap<string, number> {
  return parseExposition(metrics.page(undefined).text).samples
}

describe('the table', () => {
  it('names every metric once', () => {
    expect(new Set(SPECS.map(({ name }) => name)).size).toBe(SPECS.length)
  })

  it.each(SPECS)('$name says its kind and its unit in its name', ({ name, kind, help }) => {
    expect(name).toMatch(/^[a-z][a-z0-9_]*$/)
    expect(name.endsWith('_total')).toBe(kind === 'counter')
    expect(name).not.toMatch(/_(?:ms|milliseconds|kb|mb)(?:_|$)/)
    expect(help).toMatch(/^[A-Z0-9].*\.$/s)
  })

  it.each(SPECS)('$name has labels with a name and values that are each there once', ({ labels }) => {
    for (const { name, values } of labels) {
      expect(name).toMatch(/^[a-z][a-z_]*$/)
      expect(values.length).toBeGreaterThan(1)
      expect(new Set(values).size).toBe(values.length)
    }
  })

  it.each(SPECS.filter((spec) => spec.kind === 'histogram'))('$name has growing buckets', ({ buckets }) => {
    expect([...buckets].toSorted((a, b) => a - b)).toEqual(buckets)
    expect(new Set(buckets).size).toBe(buckets.length)
  })
})

describe('the page', () => {
  it('is in the grammar of the text format 0.0.4', () => {
    const metrics = fresh()
    metrics.deliveryLatency.observe(0.003)
    const { text, contentType } = metrics.page(undefined)
    const { samples, families } = parseExposition(text)
    expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
    for (const { name, kind } of SPECS) expect(families.get(METRIC_PREFIX + name)).toBe(kind)
    expect(samples.size).toBeGreaterThan(SPECS.length)
  })

  it('has every series from the start, at zero', () => {
    const samples = samplesOf(fresh())
    expect(samples.get('sluice_resets_total{reason="gap"}')).toBe(0)
    expect(samples.get('sluice_registry_ops_total{op="claim",result="error"}')).toBe(0)
    for (const [series, value] of samples) {
      if (!series.startsWith('sluice_node_info')) expect(value).toBe(0)
    }
  })

  it('shows what was counted, each cell under its own labels', () => {
    const metrics = fresh()
    metrics.resets.gap.inc()
    metrics.resets.gap.add(2)
    metrics.published.nats.durable.inc()
    metrics.slowConsumers['catch-up'].inc()
    metrics.connections.websocket.inc()
    metrics.connections.websocket.inc()
    metrics.connections.websocket.dec()
    metrics.channels.set(7)
    const samples = samplesOf(metrics)
    expect(samples.get('sluice_resets_total{reason="gap"}')).toBe(3)
    expect(samples.get('sluice_resets_total{reason="epoch"}')).toBe(0)
    expect(samples.get('sluice_published_total{door="nats",delivery="durable"}')).toBe(1)
    expect(samples.get('sluice_published_total{door="nats",delivery="replay"}')).toBe(0)
    expect(samples.get('sluice_slow_consumers_total{policy="catch-up"}')).toBe(1)
    expect(samples.get('sluice_connections{transport="websocket"}')).toBe(1)
    expect(samples.get('sluice_channels')).toBe(7)
  })

  it('asks a gauge’s source at each scrape', () => {
    const metrics = fresh()
    let sessions = 3
    metrics.sessions.read(() => sessions)
    expect(samplesOf(metrics).get('sluice_sessions')).toBe(3)
    sessions = 4
    expect(samplesOf(metrics).get('sluice_sessions')).toBe(4)
    expect(metrics.sessions.value).toBe(4)
  })

  it('leaves out a gauge whose source does not know', () => {
    const metrics = fresh()
    metrics.sessions.read(() => NaN)
    expect(samplesOf(metrics).has('sluice_sessions')).toBe(false)
  })

  it('says what runs, with label values escaped', () => {
    const { text } = fresh().page(undefined)
    expect(text).toContain(
      `sluice_node_info{node="n1",version="1.2.3",region="eu \\"west\\"\\\\1",role="all",runtime="node ${process.versions.node}"} 1`,
    )
  })

  it('has what is known of the process where that is wanted', () => {
    const metrics = createMetrics({ node: NODE, process: true })
    const { families, samples } = parseExposition(metrics.page(undefined).text)
    for (const { name, kind } of PROCESS_METRICS) {
      expect(families.get(name)).toBe(kind)
      expect(samples.get(name), name).toBeGreaterThan(0)
    }
    expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(10_000_000)
    expect(samples.get('process_start_time_seconds')).toBeLessThanOrEqual(Date.now() / 1000)
  })

  it('of one node has nothing of another in the same process', () => {
    const one = fresh()
    const other = fresh()
    one.replayed.add(5)
    expect(samplesOf(other).get('sluice_replayed_total')).toBe(0)
  })
})

describe('a histogram', () => {
  it('counts each observation in every bucket that it fits in, bounds included', () => {
    const metrics = fresh()
    for (const seconds of [0.0005, 0.001, 0.0011, 5, 1000]) metrics.deliveryLatency.observe(seconds)
    const samples = samplesOf(metrics)
    const bucket = (le: string): number | undefined =>
      samples.get(`sluice_delivery_latency_seconds_bucket{le="${le}"}`)
    expect(bucket('0.001')).toBe(2)
    expect(bucket('0.0025')).toBe(3)
    expect(bucket('2.5')).toBe(3)
    expect(bucket('5')).toBe(4)
    expect(bucket('30')).toBe(4)
    expect(bucket('+Inf')).toBe(5)
    expect(samples.get('sluice_delivery_latency_seconds_count')).toBe(5)
    expect(samples.get('sluice_delivery_latency_seconds_sum')).toBeCloseTo(1005.0026)
    expect(metrics.deliveryLatency).toMatchObject({ count: 5 })
  })

  it.each([-1, -Infinity, NaN])('counts %d, a clock that disagrees, as 0', (value) => {
    const metrics = fresh()
    metrics.deliveryLatency.observe(value)
    const samples = samplesOf(metrics)
    expect(samples.get('sluice_delivery_latency_seconds_sum')).toBe(0)
    expect(samples.get('sluice_delivery_latency_seconds_bucket{le="0.001"}')).toBe(1)
  })
})

describe('the silent twin', () => {
  it('has every cell and keeps nothing', () => {
    expect(Object.keys(silentMetrics).toSorted()).toEqual(Object.keys(fresh()).toSorted())
    silentMetrics.resets.gap.add(3)
    silentMetrics.connections.sse.inc()
    silentMetrics.sessions.read(() => 3)
    silentMetrics.fanout.observe(3)
    expect(silentMetrics.resets.gap.value).toBe(0)
    expect(silentMetrics.sessions.value).toBe(0)
    expect(silentMetrics.fanout.count).toBe(0)
    expect(silentMetrics.page(undefined).text).toBe('')
  })
})

describe('exemplars', () => {
  /** As Prometheus asks. */
  const ACCEPT =
    'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'
  const exemplar = { traceId: 'a1'.repeat(16), atMs: 1_700_000_000_500 }

  function traced(): Metrics {
    const metrics = createMetrics({ node: NODE, process: true, traced: true })
    metrics.deliveryLatency.observe(0.003, { ...exemplar, traceId: 'b2'.repeat(16) })
    metrics.deliveryLatency.observe(0.004, exemplar)
    metrics.deliveryLatency.observe(0.0045)
    return metrics
  }

  it('name the trace of the latest in a bucket, in OpenMetrics', () => {
    const { contentType, text } = traced().page(ACCEPT)
    expect(contentType).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
    expect(text.match(/^.*trace_id.*$/gm)).toEqual([
      `sluice_delivery_latency_seconds_bucket{le="0.005"} 3 # {trace_id="${exemplar.traceId}"} 0.004 1700000000.5`,
    ])
    expect(text).toMatch(/^# TYPE sluice_resets counter$/m)
    expect(text).toMatch(/^sluice_resets_total\{reason="gap"\} 0$/m)
    expect(text.endsWith('\n# EOF\n')).toBe(true)
  })

  it.skipIf(promtool.missing !== undefined)(`are on a page that Prometheus reads${promtool.note}`, () => {
    const { text } = traced().page(ACCEPT)
    const directory = temporaryDirectory('openmetrics')
    const file = join(directory.path, 'page')
    // It wants to know when each sample was.
    writeFileSync(file, text.replaceAll(/^([^#\n]+? [^ #\n]+)(?= #|$)/gm, '$1 1700000001'))
    const words = ['tsdb', 'create-blocks-from', 'openmetrics', file, join(directory.path, 'blocks')]
    const { status, stderr } = spawnSync('promtool', words, { encoding: 'utf8' })
    directory.remove()
    expect(stderr).toBe('')
    expect(status).toBe(0)
  })

  it('are shown to nobody who does not accept OpenMetrics, and there is no such page where nothing is traced', () => {
    for (const accept of [undefined, '*/*', 'text/plain', 'application/openmetrics-text; version=0.0.1']) {
      const { contentType, text } = traced().page(accept)
      expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
      expect(text).not.toContain('trace_id')
      parseExposition(text)
    }
    expect(fresh().page(ACCEPT).contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
  })
})

describe('the reason of a disconnect', () => {
  it('has a cell for everything that a connection is closed for', () => {
    const { disconnects } = fresh()
    const reasons = (Object.keys(CLOSES) as CloseReason[]).map((why) => disconnectReason({ why }))
    expect(new Set(reasons).size).toBe(reasons.length)
    for (const reason of reasons) expect(disconnects[reason].value).toBe(0)
  })

  it.each([
    [1000, 'client'],
    [1001, 'client'],
    [1005, 'lost'],
    [1006, 'lost'],
    [1007, 'malformed'],
    [1009, 'too_large'],
    [3000, 'lost'],
    [NaN, 'lost'],
  ])('of %d is %s', (code, reason) => {
    expect(disconnectReason({ code })).toBe(reason)
  })
})
