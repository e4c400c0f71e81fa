/**
 * A job as whoever watches it sees it, and as a proof of it afterwards: what became of the clients of all its nodes together.
 * Pure.
 */
import type { DrainProgress } from './drain.ts'
import type { Gaps } from './gaps.ts'
import { estimateMs, type JobDelays } from './job-pace.ts'
import { isActive, isOpen, isOver, type Job, type JobNode } from './job.ts'
import type { Outcome } from './outcome.ts'
import { NOTHING, type Counts, type TransportCounts } from './tally.ts'
import type { TransportName } from '../protocol/transport-name.ts'

export interface JobNodeView extends JobNode {
  /** What the node has said last. Absent: it has said nothing yet. */
  readonly progress?: DrainProgress
}

export interface JobView extends Omit<Job, 'nodes'>, TransportCounts {
  readonly nodes: readonly JobNodeView[]
  /** Of all nodes together. Gaps are those of the node where they were longest. */
  readonly transports: Readonly<Partial<Record<TransportName, TransportCounts>>>
  /** So many were connected when it began. */
  readonly total: number
  readonly remaining: number
  readonly ratePerSecond: number
  /** How often a client was moved: who was moved to a node that was drained later is one client. Absent: nobody was told. */
  readonly movesPerClient?: number
  /** Why nobody is asked now, by the first node that waits. */
  readonly holding?: string
  readonly elapsedMs: number
  /** By its plan. Absent where nothing moves. */
  readonly remainingMs?: number
  readonly deadlineInMs?: number
}

/** Of many jobs at a time: what each node has said is asked for with the job alone, since of all of them it would be megabytes. */
export type ListedJob = Omit<Job, 'nodes'> & {
  readonly nodes: readonly Pick<JobNode, 'id' | 'part'>[]
}

export function listed(job: Job): ListedJob {
  return { ...job, nodes: job.nodes.map(({ id, part }) => ({ id, part })) }
}

export interface ViewSight {
  readonly nowMs: number
  /** It is in the table of nodes. */
  here(id: string): boolean
  readonly delays: JobDelays
}

export function viewOf(job: Job, outcomes: ReadonlyMap<string, Outcome>, sight: ViewSight): JobView {
  const nodes = job.nodes.map((node) => nodeView(node, outcomes.get(node.id), sight))
  const heard = nodes.flatMap(({ progress }) => progress ?? [])
  const movesPerClient = movesPerClientOf(nodes)
  const remaining = nodes.reduce((sum, node) => sum + remainingOf(node), 0)
  const runs = !isOver(job) && job.state !== 'cancelled'
  const restMs = runs ? remainingMsOf(job, nodes, sight) : undefined
  const held = runs ? nodes.find((node) => isActive(node) && node.progress?.holding !== undefined) : undefined
  return {
    ...job,
    nodes,
    total: nodes.reduce((sum, { clients, progress }) => sum + (progress?.total ?? clients), 0),
    remaining,
    ...joined(heard),
    transports: transportsOf(heard),
    ratePerSecond: rounded(
      sumOf(nodes, (node) => (isActive(node) ? (node.progress?.ratePerSecond ?? 0) : 0)),
    ),
    ...(movesPerClient === undefined ? {} : { movesPerClient }),
    ...(held === undefined ? {} : { holding: `node ${held.id}: ${held.progress?.holding ?? ''}` }),
    elapsedMs: Math.max(0, (job.endedAt ?? sight.nowMs) - job.at),
    ...(restMs === undefined || held !== undefined ? {} : { remainingMs: restMs }),
    ...(job.deadlineAt === undefined || !runs
      ? {}
      : { deadlineInMs: Math.max(0, Math.round(job.deadlineAt - sight.nowMs)) }),
  }
}

/** What nobody leads is said by who does it: where he is not there any more, he has died meanwhile. */
function nodeView(node: JobNode, outcome: Outcome | undefined, sight: ViewSight): JobNodeView {
  const died = node.part === 'moving' && !sight.here(node.id)
  const said = { ...node, ...(died ? { part: 'lost' as const } : {}) }
  return outcome === undefined ? said : { ...said, progress: outcome.progress }
}

function remainingOf(node: JobNodeView): number {
  if (!isOpen(node)) return 0
  return node.part === 'waiting' ? node.clients : (node.progress?.remaining ?? node.clients)
}

/** Of one node, as it says itself; of several, by the plan of all. */
function remainingMsOf(
  job: Job,
  nodes: readonly JobNodeView[],
  { nowMs, delays }: ViewSight,
): number | undefined {
  const open = nodes.filter(isOpen)
  const own = Math.max(0, ...open.map(({ progress }) => progress?.remainingMs ?? 0))
  const ofAll = estimateMs(job, {
    ...delays,
    nowMs,
    told: (id) => nodes.find((node) => node.id === id)?.progress?.told ?? 0,
    left: (id) => nodes.find((node) => node.id === id)?.progress?.remaining,
  })
  if (ofAll === undefined) return undefined
  return open.some(({ part }) => part === 'waiting' || part === 'called') ? Math.max(own, ofAll) : own
}

export function joined(all: readonly TransportCounts[]): TransportCounts {
  const counts = { ...NOTHING }
  for (const name of Object.keys(NOTHING) as (keyof Counts)[]) counts[name] = sumOf(all, (one) => one[name])
  const gaps = all.flatMap((one) => one.gaps ?? [])
  return { ...counts, ...(gaps.length === 0 ? {} : { gaps: worstOf(gaps) }) }
}

function worstOf(all: readonly Gaps[]): Gaps {
  const worst = (part: keyof Gaps): number => Math.max(...all.map((gaps) => gaps[part]))
  return { p50Ms: worst('p50Ms'), p95Ms: worst('p95Ms'), p99Ms: worst('p99Ms'), maxMs: worst('maxMs') }
}

function transportsOf(all: readonly DrainProgress[]): JobView['transports'] {
  const names = new Set(all.flatMap(({ transports }) => Object.keys(transports) as TransportName[]))
  return Object.fromEntries(
    [...names].map((name) => [name, joined(all.flatMap((one) => one.transports[name] ?? []))]),
  )
}

/**
 * How often a client was moved: who was moved to a node that was drained later is one client. `undefined`: nobody was told.
 * Polls have nothing by which a second move could be told from the first.
 */
export function movesPerClientOf(nodes: readonly Pick<JobNodeView, 'id' | 'progress'>[]): number | undefined {
  const told = sumOf(nodes, ({ progress }) => progress?.told ?? 0)
  const moves = sumOf(nodes, ({ progress }) => progress?.moved ?? 0)
  const again = sumOf(nodes, ({ progress }) => sumOf(nodes, ({ id }) => progress?.movedFrom?.[id] ?? 0))
  return told === 0 ? undefined : Math.round((moves / Math.max(1, told - again)) * 100) / 100
}

function sumOf<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((sum, one) => sum + of(one), 0)
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}
