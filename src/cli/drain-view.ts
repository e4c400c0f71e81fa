/**
 * Jobs as text: a bar for a terminal, lines for a pipe, a table at the end. Pure.
 */
import { tableLines, type Column } from './table.ts'
import type { DrainProgress } from '../drain/drain.ts'
import type { Forecast } from '../drain/job-making.ts'
import type { JobView, ListedJob } from '../drain/job-view.ts'
import { isOpen, type Job, type JobNode } from '../drain/job.ts'
import type { TransportCounts } from '../drain/tally.ts'

const GAPS = ['p50Ms', 'p95Ms', 'p99Ms', 'maxMs'] as const
const BAR_WIDTH = 24

/** `drain-1a2b [########        ] 812 of 1000 left, 41.2/s, about 20s` */
export function barLine(job: JobView): string {
  const { id, total, remaining } = job
  const share = total === 0 ? 1 : 1 - Math.min(1, remaining / total)
  const full = Math.round(share * BAR_WIDTH)
  return `${id} [${'#'.repeat(full)}${' '.repeat(BAR_WIDTH - full)}] ${pace(job)}`
}

export function progressLine(job: JobView): string {
  const { id, told, moved, returned, forced, unseen, plan } = job
  const counts = `${told} told, ${moved} moved, ${returned} returned, ${forced} closed, ${unseen} not seen`
  return `${id} ${pace(job)}; ${counts}; plan ${plan}`
}

/** What of it changes: a line each time would be a flood. */
export function stateOf({ state, holding, nodes }: JobView): string {
  return JSON.stringify([state, holding, nodes.map(({ part }) => part)])
}

const COLUMNS: readonly Column[] = [
  { title: 'NODE' },
  { title: 'REGION' },
  { title: 'VERSION' },
  { title: 'STATE' },
  { title: 'CLIENTS' },
  { title: 'TOLD', right: true },
  { title: 'MOVED', right: true },
  { title: 'RESUMED', right: true },
  { title: 'RETURNED', right: true },
  { title: 'CLOSED', right: true },
  { title: 'NOT SEEN', right: true },
  { title: 'GAP P50', right: true },
  { title: 'P95', right: true },
  { title: 'P99', right: true },
  { title: 'MAX', right: true },
  { title: 'REPLAYED', right: true },
  { title: 'OVERLAP', right: true },
  { title: 'TIME', right: true },
]

/** What became of the clients of each node, and of all; under each one line for each transport. */
export function reportLines(job: JobView): string[] {
  const rows = job.nodes.flatMap(({ id, region, version, part, clients, progress }) => {
    if (progress === undefined) return [[id, region, version, part, `${clients}`]]
    const state = stateText(job, part, progress)
    const time = secondsText(progress.elapsedMs)
    return [
      [id, region, version, state, `${progress.total}`, ...cells(progress), time],
      ...transportRows(progress.transports),
    ]
  })
  const all =
    job.nodes.length === 1
      ? []
      : [
          ['all', '', '', job.state, `${job.total}`, ...cells(job), secondsText(job.elapsedMs)],
          ...transportRows(job.transports),
        ]
  return tableLines(COLUMNS, [...rows, ...all])
}

/** Who, when, why and what for: over the table of a report. */
export function headLines(job: JobView): string[] {
  const { id, kind, state, by, reason, what, target, at, endedAt, plan, parallel, movesPerClient } = job
  const when = `${new Date(at).toISOString()}${endedAt === undefined ? '' : ` to ${new Date(endedAt).toISOString()}`}`
  return [
    `${id}: ${kind} of ${what}, ${state}`,
    `by ${by}${reason === undefined ? '' : ` (${reason})`}, ${when}`,
    `plan ${plan}, ${parallel} ${parallel === 1 ? 'node' : 'nodes'} at a time${target === undefined ? '' : `, clients go to ${target}`}`,
    ...(movesPerClient === undefined ? [] : [`${movesPerClient} moves per client`]),
  ]
}

/** What `GET /v1/drains` lists of each. */
export function listLines(jobs: readonly ListedJob[]): string[] {
  return tableLines(
    [
      { title: 'JOB' },
      { title: 'STATE' },
      { title: 'WHAT' },
      { title: 'BY' },
      { title: 'STARTED' },
      { title: 'ENDED' },
      { title: 'NODES', right: true },
      { title: 'PLAN' },
    ],
    jobs.map(({ id, state, what, by, at, endedAt, nodes, plan }) => {
      const left = nodes.filter((node) => isOpen(node)).length
      return [
        id,
        state,
        what,
        by,
        new Date(at).toISOString(),
        endedAt === undefined ? '-' : new Date(endedAt).toISOString(),
        left === 0 ? `${nodes.length}` : `${nodes.length - left}/${nodes.length}`,
        plan,
      ]
    }),
  )
}

/** What would become of it. */
export function forecastLines(
  job: Job,
  { total, takesMs, deadlineMs, takers, inTheWay }: Forecast,
): string[] {
  const clients = (count: number): string => `${count} ${count === 1 ? 'client' : 'clients'}`
  return [
    `${job.kind} of ${job.what}: ${clients(total)} of ${job.nodes.length} ${job.nodes.length === 1 ? 'node' : 'nodes'}, ` +
      `${job.parallel} at a time, plan ${job.plan}`,
    ...job.nodes.map((node) => `  ${node.id} ${node.region} ${node.version}: ${clients(node.clients)}`),
    takers.length === 0 ? 'to nobody' : 'to',
    ...takers.map(
      ({ id, region, version, connections, room }) =>
        `  ${id} ${region} ${version}: has ${connections}${room === undefined ? '' : `, room for ${room}`}`,
    ),
    `about ${secondsText(takesMs)}${deadlineMs === undefined ? '' : `; by ${secondsText(deadlineMs)} whoever is left is closed`}`,
    ...(inTheWay.length === 0 ? ['nothing is in the way'] : inTheWay.map((what) => `in the way: ${what}`)),
  ]
}

/** One that gave away a part of its clients is still there. */
function stateText({ kind }: JobView, part: JobNode['part'], { state }: DrainProgress): string {
  if (part === 'gone') return kind === 'rebalance' ? 'done' : 'gone'
  return part === 'moving' ? state : part
}

function transportRows(transports: JobView['transports']): string[][] {
  return Object.entries(transports).map(([transport, counts]) => [
    '',
    '',
    '',
    '',
    transport,
    ...cells(counts),
  ])
}

function cells(counts: TransportCounts): string[] {
  const { told, moved, resumed, returned, forced, unseen, gaps, replayed, overlapped } = counts
  return [
    ...[told, moved, resumed, returned, forced, unseen].map(String),
    ...GAPS.map((part) => (gaps === undefined ? '-' : `${gaps[part]}ms`)),
    String(replayed),
    String(overlapped),
  ]
}

function pace({ state, holding, nodes, total, remaining, ratePerSecond, remainingMs }: JobView): string {
  const estimate = remainingMs === undefined || remaining === 0 ? '' : `, about ${secondsText(remainingMs)}`
  const left = nodes.filter((node) => isOpen(node)).length
  const ofNodes = nodes.length === 1 ? '' : ` on ${left} of ${nodes.length} nodes`
  const what = holding === undefined ? state : `waits: ${holding}`
  return `${what}, ${remaining} of ${total} left${ofNodes}, ${ratePerSecond}/s${estimate}`
}

function secondsText(ms: number): string {
  const seconds = Math.round(ms / 1000)
  return seconds < 120 ? `${seconds}s` : `${Math.round(seconds / 60)}m`
}
