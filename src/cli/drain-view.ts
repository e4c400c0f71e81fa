/**
 * A drain as text: a bar for a terminal, lines for a pipe, a table at the end. Pure.
 */
import { tableLines } from './table.ts'
import type { DrainProgress } from '../drain/drain.ts'

export interface DrainedNode {
  readonly id: string
  readonly region: string
  readonly version: string
  readonly drain: DrainProgress
}

const BAR_WIDTH = 24

/** `4f1c… [########        ] 812 of 1000 left, 41.2/s, about 20s` */
export function barLine(node: string, progress: DrainProgress): string {
  const { total, remaining } = progress
  const share = total === 0 ? 1 : 1 - Math.min(1, remaining / total)
  const full = Math.round(share * BAR_WIDTH)
  return `${node} [${'#'.repeat(full)}${' '.repeat(BAR_WIDTH - full)}] ${pace(progress)}`
}

export function progressLine(node: string, progress: DrainProgress): string {
  const { told, moved, forced, plan } = progress
  return `${node} ${pace(progress)}; ${told} told, ${moved} moved, ${forced} closed; plan ${plan}`
}

/** What became of the clients of each node. */
export function reportLines(nodes: readonly DrainedNode[]): string[] {
  return tableLines(
    [
      { title: 'NODE' },
      { title: 'VERSION' },
      { title: 'STATE' },
      { title: 'CLIENTS', right: true },
      { title: 'TOLD', right: true },
      { title: 'MOVED', right: true },
      { title: 'CLOSED', right: true },
      { title: 'NOT SEEN', right: true },
      { title: 'GAP P95', right: true },
      { title: 'GAP MAX', right: true },
      { title: 'TIME', right: true },
    ],
    nodes.map(({ id, version, drain }) => [
      id,
      version,
      drain.state,
      String(drain.total),
      String(drain.told),
      String(drain.moved),
      String(drain.forced),
      // Streams and polls come back by their cursor under a new session: nobody knows that it was them.
      String(Math.max(0, drain.told - drain.moved)),
      drain.gaps === undefined ? '-' : `${drain.gaps.p95Ms}ms`,
      drain.gaps === undefined ? '-' : `${drain.gaps.maxMs}ms`,
      secondsText(drain.elapsedMs),
    ]),
  )
}

function pace({ state, holding, total, remaining, ratePerSecond, remainingMs }: DrainProgress): string {
  const estimate = remainingMs === undefined || remaining === 0 ? '' : `, about ${secondsText(remainingMs)}`
  const what = holding === undefined ? state : `waits: ${holding}`
  return `${what}, ${remaining} of ${total} left, ${ratePerSecond}/s${estimate}`
}

function secondsText(ms: number): string {
  const seconds = Math.round(ms / 1000)
  return seconds < 120 ? `${seconds}s` : `${Math.round(seconds / 60)}m`
}
