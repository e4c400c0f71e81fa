import { expect, it } from 'vitest'
import { openMetricsText, prometheusText, type Family } from '../../../src/observe/metrics-text.ts'

const FAMILIES: readonly Family[] = [
  {
    ...{ name: 'a_total', kind: 'counter', help: 'A \\ and\nmore.' },
    samples: () => [{ labels: { why: 'x "y"\\\n' }, value: 0 }],
  },
  { name: 'nothing', kind: 'gauge', help: 'Not known.', samples: () => [] },
  {
    ...{ name: 'h', kind: 'histogram', help: 'Times.' },
    samples: () => [
      {
        ...{ suffix: '_bucket', labels: { le: '+Inf' }, value: 2 },
        exemplar: { traceId: 'abc', value: 0.25, timestamp: 1.5 },
      },
      { suffix: '_sum', labels: {}, value: Infinity },
      { suffix: '_count', labels: {}, value: 2 },
    ],
  },
]

it('writes the format of Prometheus, without exemplars', () => {
  expect(prometheusText(FAMILIES)).toEqual({
    contentType: 'text/plain; version=0.0.4; charset=utf-8',
    text: String.raw`# HELP a_total A \\ and\nmore.
# TYPE a_total counter
a_total{why="x \"y\"\\\n"} 0

# HELP nothing Not known.
# TYPE nothing gauge

# HELP h Times.
# TYPE h histogram
h_bucket{le="+Inf"} 2
h_sum +Inf
h_count 2
`,
  })
})

it('writes OpenMetrics, with them', () => {
  expect(openMetricsText(FAMILIES)).toEqual({
    contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
    text: String.raw`# HELP a A \\ and\nmore.
# TYPE a counter
a_total{why="x \"y\"\\\n"} 0
# HELP nothing Not known.
# TYPE nothing gauge
# HELP h Times.
# TYPE h histogram
h_bucket{le="+Inf"} 2 # {trace_id="abc"} 0.25 1.5
h_sum +Inf
h_count 2
# EOF
`,
  })
})
