/**
 * A drain as text: a bar for a terminal, lines for a pipe, a table at the end. Pure.
 */
import { tableLines } from './table.ts'
import type { DrainProgress } from '../drain/drain.ts'
import type { TransportCounts } from '../drain/tally.ts'

export interface DrainedNode {
  readonly id: string
  readonly region: string
  readonly version: string
  readonly drain: DrainProgress
}

/** What a node is when its movement is over: one that gave away a part of its clients is still there. */
type Ended = 'gone' | 'done'

function stateText(state: DrainProgress['state'], ended: Ended): string {
  return state === 'gone' ? ended : state
}

const GAPS = ['p50Ms', 'p95Ms', 'p99Ms', 'maxMs'] as const
const BAR_WIDTH = 24

/** `4f1c… [########        ] 812 of 1000 left, 41.2/s, about 20s` */
export function barLine(node: string, progress: DrainProgress): string {
  const { total, remaining } = progress
  const share = total === 0 ? 1 : 1 - Math.min(1, remaining / total)
  const full = Math.round(share * BAR_WIDTH)
  return `${node} [${'#'.repeat(full)}${' '.repeat(BAR_WIDTH - full)}] ${pace(progress, 'gone')}`
}

export function progressLine(node: string, progress: DrainProgress, ended: Ended = 'gone'): string {
  const { told, moved, forced, plan } = progress
  return `${node} ${pace(progress, ended)}; ${told} told, ${moved} moved, ${forced} closed; plan ${plan}`
}

/** What became of the clients of each node. */
export function reportLines(nodes: readonly DrainedNode[], ended: Ended = 'gone'): string[] {
  return tableLines(
    [
      { title: 'NODE' },
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
    ],
    nodes.flatMap(({ id, version, drain }) => [
      [
        id,
        version,
        stateText(drain.state, ended),
        `${drain.total}`,
        ...cells(drain),
        secondsText(drain.elapsedMs),
      ],
      ...Object.entries(drain.transports).map(([transport, counts]) => [
        '',
        '',
        '',
        transport,
        ...cells(counts),
      ]),
    ]),
  )
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

/**
 * How often a client was moved, where the nodes were drained one after the other: who was moved to one that was drained later
 * is one client. `undefined`: nobody was told. Polls have nothing by which a second move could be told from the first.
 */
export function movesPerClient(nodes: readonly DrainedNode[]): number | undefined {
  let told = 0
  let moves = 0
  let again = 0
  for (const { drain } of nodes) {
    told += drain.told
    moves += drain.moved
    for (const { id } of nodes) again += drain.movedFrom?.[id] ?? 0
  }
  return told === 0 ? undefined : Math.round((moves / Math.max(1, told - again)) * 100) / 100
}

function pace(progress: DrainProgress, ended: Ended): string {
  const { state, holding, total, remaining, ratePerSecond, remainingMs } = progress
  const estimate = remainingMs === undefined || remaining === 0 ? '' : `, about ${secondsText(remainingMs)}`
  const what = holding === undefined ? stateText(state, ended) : `waits: ${holding}`
  return `${what}, ${remaining} of ${total} left, ${ratePerSecond}/s${estimate}`
}

function secondsText(ms: number): string {
  const seconds = Math.round(ms / 1000)
  return seconds < 120 ? `${seconds}s` : `${Math.round(seconds / 60)}m`
}
