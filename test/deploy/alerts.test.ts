/**
 * Each alert comes when what it is about happens, and goes when that is over: by Prometheus' own `promtool test rules`, on series that
 * are written down here by the minute.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { passesPromtool, promtool } from '../support/promtool.ts'

const RULES = fileURLToPath(new URL('../../deploy/prometheus/alerts.yaml', import.meta.url))

type Phase = readonly [minutes: number, value: number]

/** A gauge with these values, each for so many minutes. */
function gauge(...phases: readonly Phase[]): string {
  return phases.flatMap(([minutes, value]) => Array.from({ length: minutes }, () => value)).join(' ')
}

/** A counter that grows by so many each minute. */
function counter(...phases: readonly Phase[]): string {
  let total = 0
  return phases.flatMap(([minutes, step]) => Array.from({ length: minutes }, () => (total += step))).join(' ')
}

interface Case {
  readonly series: Readonly<Record<string, string>>
  /** In which minute it is on, with which labels beside its severity, and in which it is off again. */
  readonly on: number
  readonly labels: Readonly<Record<string, string>>
  readonly off: number
}

const A = 'instance="a"'
const INFO = {
  [`sluice_node_info{${A},node="n",version="2",region="eu",role="all",runtime="node 24"}`]: gauge([120, 1]),
}
const ACTIVE = (instance: string): string => `sluice_node_state{instance="${instance}",state="active"}`
const DRAINING = `sluice_node_state{${A},state="draining"}`
const CONNECTIONS = `sluice_connections{${A},transport="websocket"}`

/** Well for five minutes, then not, then well again. */
const bad = (perMinute: number): string => counter([5, 0], [30, perMinute], [60, 0])
const wrong = (value: number, right = 0): string => gauge([5, right], [30, value], [60, right])
const LATE = { on: 30, off: 60 }

const CASES: Readonly<Record<string, Case>> = {
  SluiceNoActiveNode: { series: { [ACTIVE('a')]: wrong(0, 1) }, labels: {}, ...LATE },
  SluiceClientsTurnedAway: {
    series: { [`sluice_refusals_total{${A},reason="lag"}`]: bad(120) },
    labels: { instance: 'a', reason: 'lag' },
    ...LATE,
  },
  SluiceWaitingRoomFilling: {
    series: { [`sluice_admission_pressure{${A}}`]: wrong(0.8), [ACTIVE('a')]: gauge([95, 1]) },
    labels: { instance: 'a' },
    ...LATE,
  },
  SluiceConnectionsLost: {
    series: {
      [`sluice_disconnects_total{${A},reason="lost"}`]: bad(600),
      [CONNECTIONS]: gauge([95, 100]),
    },
    labels: {},
    ...LATE,
  },
  SluiceTokensRefused: {
    series: {
      [`sluice_token_checks_total{${A},result="unauthorized"}`]: bad(180),
      [`sluice_token_checks_total{${A},result="good"}`]: counter([95, 60]),
    },
    labels: {},
    ...LATE,
  },
  SluiceKeysUnavailable: {
    series: { [`sluice_token_checks_total{${A},result="unavailable"}`]: bad(6) },
    labels: {},
    ...LATE,
  },
  SluiceImbalance: {
    series: {
      [CONNECTIONS]: wrong(10_000, 1000),
      'sluice_connections{instance="b",transport="sse"}': gauge([95, 1000]),
      'sluice_connections{instance="c",transport="sse"}': gauge([95, 1000]),
      [ACTIVE('a')]: gauge([95, 1]),
      [ACTIVE('b')]: gauge([95, 1]),
      [ACTIVE('c')]: gauge([95, 1]),
    },
    labels: { instance: 'a' },
    ...LATE,
  },
  SluicePublishesFail: {
    series: { [`sluice_publish_errors_total{${A},code="unavailable"}`]: bad(6) },
    labels: { code: 'unavailable' },
    ...LATE,
  },
  SluiceDeliverySlow: {
    series: {
      [`sluice_delivery_latency_seconds_bucket{${A},le="1"}`]: counter([5, 60], [30, 0], [60, 60]),
      [`sluice_delivery_latency_seconds_bucket{${A},le="2.5"}`]: counter([95, 60]),
      [`sluice_delivery_latency_seconds_bucket{${A},le="+Inf"}`]: counter([95, 60]),
    },
    labels: { instance: 'a' },
    ...LATE,
  },
  SluiceMessagesLost: {
    series: { ...INFO, [`sluice_resets_total{${A},reason="gap"}`]: bad(3) },
    labels: { reason: 'gap', version: '2' },
    ...LATE,
  },
  SluiceUnacknowledged: {
    series: {
      ...INFO,
      [`sluice_durable_delivered_total{${A}}`]: bad(60),
      [`sluice_acknowledged_total{${A}}`]: bad(50),
    },
    labels: { version: '2' },
    on: 34,
    off: 80,
  },
  SluiceResets: {
    series: {
      ...INFO,
      [`sluice_channel_resumes_total{${A},result="reset"}`]: bad(60),
      [`sluice_channel_resumes_total{${A},result="recovered"}`]: counter([95, 60]),
    },
    labels: { version: '2' },
    ...LATE,
  },
  SluiceRepairsFail: {
    series: { [`sluice_feed_repairs_total{${A},result="failed"}`]: bad(3) },
    labels: { instance: 'a' },
    ...LATE,
  },
  SluiceSlowConsumers: {
    series: {
      [`sluice_slow_consumers_total{${A},policy="catch-up"}`]: bad(600),
      [`sluice_subscriptions{${A}}`]: gauge([95, 100]),
    },
    labels: { instance: 'a' },
    ...LATE,
  },
  SluicePartDown: {
    series: { [`sluice_part_up{${A},part="log"}`]: wrong(0, 1) },
    labels: { instance: 'a', part: 'log' },
    ...LATE,
  },
  SluiceDurableTrouble: {
    series: { [`sluice_durable_trouble{${A},why="resources"}`]: wrong(1) },
    labels: { instance: 'a', why: 'resources' },
    ...LATE,
  },
  SluiceDeaf: { series: { [`sluice_deaf{${A}}`]: wrong(1) }, labels: { instance: 'a' }, ...LATE },
  SluiceLinksRefused: {
    series: { [`sluice_mesh_refusals_total{${A},direction="in",why="secret"}`]: bad(1) },
    labels: { instance: 'a', why: 'secret' },
    ...LATE,
  },
  SluicePacketsRefused: {
    series: { [`sluice_packet_refusals_total{${A},why="bare"}`]: bad(1) },
    labels: { instance: 'a', why: 'bare' },
    ...LATE,
  },
  SluiceTableOfNodesSpoiled: {
    series: { [`sluice_malformed_nodes{${A}}`]: wrong(1) },
    labels: {},
    ...LATE,
  },
  SluiceNodeNotScraped: {
    series: { [`up{${A},job="sluice"}`]: wrong(0, 1) },
    labels: { instance: 'a', job: 'sluice' },
    ...LATE,
  },
  SluiceMemoryHigh: {
    series: {
      ...INFO,
      [`process_resident_memory_bytes{${A}}`]: wrong(3e9, 1e9),
      [CONNECTIONS]: gauge([95, 1000]),
    },
    labels: { instance: 'a' },
    ...LATE,
  },
  SluiceEventLoopLate: {
    series: { [`sluice_event_loop_lag_seconds{${A}}`]: wrong(0.4) },
    labels: { instance: 'a' },
    ...LATE,
  },
  SluiceInternalErrors: {
    series: { [`sluice_protocol_errors_total{${A},code="internal"}`]: bad(1) },
    labels: { instance: 'a' },
    ...LATE,
  },
  SluiceFaults: {
    series: { [`sluice_faults_total{${A},place="message"}`]: bad(1) },
    labels: { instance: 'a', place: 'message' },
    ...LATE,
  },
  SluiceDrainForced: {
    series: {
      [`sluice_drain_moves_total{${A},result="closed"}`]: bad(4),
      [`sluice_drain_moves_total{${A},result="returned"}`]: bad(1),
    },
    labels: { instance: 'a' },
    ...LATE,
  },
  SluiceDrainStalled: {
    series: { [DRAINING]: wrong(1), [CONNECTIONS]: gauge([95, 500]) },
    labels: { instance: 'a', state: 'draining' },
    ...LATE,
  },
  SluiceDrainOverPlan: {
    series: { [DRAINING]: gauge([5, 0], [70, 1], [20, 0]) },
    labels: { instance: 'a', state: 'draining' },
    on: 70,
    off: 85,
  },
  ...Object.fromEntries(
    [30, 14, 7].map((days) => [
      `SluiceCertificateIn${days}Days`,
      {
        series: {
          [`sluice_certificate_expiry_seconds{${A},listener="public"}`]: wrong(
            (days - 1) * 86_400,
            90 * 86_400,
          ),
          [`sluice_certificate_expiry_seconds{${A},listener="api"}`]: gauge([95, NaN]),
        },
        labels: { instance: 'a', listener: 'public' },
        ...LATE,
      },
    ]),
  ),
}

/** What looks like it, and is nothing to wake up for. */
const QUIET: readonly (readonly [what: string, alert: string, series: Readonly<Record<string, string>>])[] = [
  [
    'a drain that goes on',
    'SluiceDrainStalled',
    { [DRAINING]: wrong(1), [CONNECTIONS]: Array.from({ length: 95 }, (_, i) => 5000 - 50 * i).join(' ') },
  ],
  [
    'clients that were closed and came back by themselves',
    'SluiceDrainForced',
    {
      [`sluice_drain_moves_total{${A},result="closed"}`]: bad(4),
      [`sluice_drain_moves_total{${A},result="returned"}`]: bad(4),
    },
  ],
  [
    'a draining node beside full ones',
    'SluiceImbalance',
    {
      [CONNECTIONS]: gauge([95, 10_000]),
      'sluice_connections{instance="b",transport="sse"}': gauge([95, 10_000]),
      'sluice_connections{instance="c",transport="sse"}': gauge([95, 0]),
      [ACTIVE('a')]: gauge([95, 1]),
      [ACTIVE('b')]: gauge([95, 1]),
      [ACTIVE('c')]: gauge([95, 0]),
    },
  ],
  [
    'memory that its connections explain',
    'SluiceMemoryHigh',
    {
      ...INFO,
      [`process_resident_memory_bytes{${A}}`]: gauge([95, 3e9]),
      [CONNECTIONS]: gauge([95, 100_000]),
    },
  ],
  [
    'other programs with much memory',
    'SluiceMemoryHigh',
    {
      ...INFO,
      'process_resident_memory_bytes{instance="z"}': gauge([95, 9e9]),
      [CONNECTIONS]: gauge([95, 1]),
    },
  ],
  [
    'a node that stops and has nobody left to wait for',
    'SluiceWaitingRoomFilling',
    { [`sluice_admission_pressure{${A}}`]: wrong(1), [ACTIVE('a')]: wrong(0, 1) },
  ],
]

interface Rule {
  readonly alert: string
  readonly labels: { readonly severity: string }
}

const rules = (parse(readFileSync(RULES, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
)

/** Fails with what promtool says. `firing`: the labels that the alert has in each minute, or that it is off. */
function promtoolTest(
  alert: string,
  series: Readonly<Record<string, string>>,
  firing: readonly (readonly [minute: number, labels: Readonly<Record<string, string>> | undefined])[],
): void {
  const severity = rules.find((rule) => rule.alert === alert)?.labels.severity as string
  const labelsText = (labels: Readonly<Record<string, string>>): string =>
    `ALERTS{${Object.entries({ alertname: alert, alertstate: 'firing', severity, ...labels })
      .map(([name, value]) => `${name}="${value}"`)
      .join(',')}}`
  const expected = firing.map(([minute, labels]) => ({
    expr: `ALERTS{alertname="${alert}",alertstate="firing"}`,
    eval_time: `${minute}m`,
    exp_samples: labels === undefined ? [] : [{ labels: labelsText(labels), value: 1 }],
  }))
  const input = Object.entries(series).map(([name, values]) => ({ series: name, values }))
  passesPromtool(['test', 'rules'], {
    rule_files: [RULES],
    evaluation_interval: '1m',
    tests: [{ interval: '1m', input_series: input, promql_expr_test: expected }],
  })
}

it('every alert has a case', () => {
  expect(Object.keys(CASES).sort()).toEqual(rules.map(({ alert }) => alert).sort())
})

describe.skipIf(promtool.missing !== undefined)(`alerts${promtool.note}`, () => {
  it('are rules that Prometheus takes', () => {
    execFileSync('promtool', ['check', 'rules', RULES], { stdio: 'pipe' })
  })

  it.each(Object.entries(CASES))('%s comes and goes', (alert, { series, on, labels, off }) => {
    promtoolTest(alert, series, [
      [4, undefined],
      [on, labels],
      [off, undefined],
    ])
  })

  it.each(QUIET)('%s: no %s', (_what, alert, series) => {
    promtoolTest(
      alert,
      series,
      [10, 20, 30, 34].map((minute) => [minute, undefined] as const),
    )
  })
})
