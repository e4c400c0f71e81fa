/**
 * A job of what an operator has asked for, and what is to be expected of it before it is begun. Pure.
 */
import { capacityOf } from './cluster-health.ts'
import { deadlineOf, estimateMs, type JobDelays } from './job-pace.ts'
import type { Job, JobNode } from './job.ts'
import { surplusOf } from './rebalance.ts'
import { fits } from '../cluster/orders.ts'
import { parsePlan } from '../config/drain-plan.ts'
import type { NodeInfo } from '../registry/registry.ts'

/** Which nodes are meant: all that are named, and of them those that fit. */
export interface Selection {
  readonly nodes?: readonly NodeInfo[]
  readonly region?: string
  readonly version?: string
}

export interface JobWish {
  readonly id: string
  readonly by: string
  readonly reason?: string
  readonly plan: string
  /** From its beginning. Absent: what it takes, and some time more. */
  readonly deadlineMs?: number
  readonly parallel: number
  /** The region that clients are sent to. */
  readonly to?: string
  readonly target: string
  readonly nowMs: number
}

/** The oldest first. */
export function chosenFrom(all: readonly NodeInfo[], { nodes, region, version }: Selection): NodeInfo[] {
  return (nodes ?? all)
    .filter(
      (node) =>
        node.state !== 'closing' &&
        (region === undefined || node.region === region) &&
        (version === undefined || fits(version, node.version)),
    )
    .toSorted((a, b) => a.startedAt - b.startedAt || a.id.localeCompare(b.id))
}

export function whatText({ nodes, region, version }: Selection): string {
  const named = nodes === undefined ? [] : [`${nodes.length === 1 ? 'node' : 'nodes'} ${shortList(nodes)}`]
  const fields = { region, version }
  const filters = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : `${name} ${value}`,
  )
  return [...named, ...filters].join(', ')
}

const LISTED_MAX = 8

function shortList(nodes: readonly NodeInfo[]): string {
  const ids = nodes.slice(0, LISTED_MAX).map(({ id }) => id)
  return nodes.length > LISTED_MAX ? `${ids.join(' ')} and ${nodes.length - LISTED_MAX} more` : ids.join(' ')
}

export function drainJob(chosen: readonly NodeInfo[], what: string, wish: JobWish, delays: JobDelays): Job {
  const { deadlineMs, ...fields } = common(wish)
  const nodes = chosen.map((node) => jobNodeOf(node, node.connections))
  const to = wish.to === undefined ? {} : { to: wish.to }
  const job: Job = {
    ...fields,
    ...to,
    kind: 'drain',
    what,
    parallel: Math.min(wish.parallel, nodes.length),
    nodes,
  }
  return { ...job, deadlineAt: wish.nowMs + (deadlineMs ?? deadlineOf(job, delays)) }
}

/** All give away at the same time what they have too many. `undefined`: nobody has. */
export function rebalanceJob(
  all: readonly NodeInfo[],
  region: string | undefined,
  wish: JobWish,
): Job | undefined {
  const surplus = surplusOf(all.filter((node) => region === undefined || node.region === region))
  if (surplus.length === 0) return undefined
  const { deadlineMs: _deadlineMs, ...fields } = common(wish)
  return {
    ...fields,
    kind: 'rebalance',
    what: region === undefined ? 'all regions' : `region ${region}`,
    parallel: surplus.length,
    nodes: surplus.map(({ node, count }) => jobNodeOf(node, count)),
  }
}

function common({ id, by, reason, plan, target, nowMs, deadlineMs }: JobWish): Pick<
  Job,
  'id' | 'state' | 'by' | 'plan' | 'target' | 'at' | 'planFrom'
> & {
  readonly reason?: string
  readonly planTold: number
  readonly deadlineMs?: number
} {
  return {
    id,
    state: 'running',
    by,
    ...(reason === undefined ? {} : { reason }),
    plan,
    target,
    at: nowMs,
    planFrom: nowMs,
    planTold: 0,
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  }
}

function jobNodeOf({ id, region, version }: NodeInfo, clients: number): JobNode {
  return { id, region, version, clients, part: 'waiting' }
}

export interface Forecast {
  readonly total: number
  readonly takesMs: number
  /** Absent: whoever does not want to go may stay. */
  readonly deadlineMs?: number
  /** Where they go. */
  readonly takers: readonly {
    readonly id: string
    readonly region: string
    readonly version: string
    readonly connections: number
    /** Absent: there is no limit. */
    readonly room?: number
  }[]
  /** What holds it up, or would, as it is now. Empty: nothing. */
  readonly inTheWay: readonly string[]
}

export function forecastOf(job: Job, all: readonly NodeInfo[], delays: JobDelays): Forecast {
  const total = job.nodes.reduce((sum, { clients }) => sum + clients, 0)
  const chosen = new Set(job.nodes.map(({ id }) => id))
  const drains = job.kind === 'drain'
  const takers = all.filter(({ id, state, role }) => !chosen.has(id) && state === 'active' && role !== 'api')
  const sight = { ...delays, nowMs: job.at, told: () => 0, left: () => undefined }
  const takesMs = (estimateMs(job, sight) ?? 0) + delays.graceMs
  const deadlineMs = job.deadlineAt === undefined ? undefined : job.deadlineAt - job.at
  const plan = parsePlan(job.plan)
  const inTheWay = new Set<string>()
  for (const node of all.filter(({ id }) => chosen.has(id))) {
    const others = all.filter(({ id }) => id !== node.id)
    const capacity = capacityOf(node, others, {
      to: job.to,
      leaving: { nodes: drains ? chosen : new Set(), together: drains },
    })
    if (!capacity.ok) inTheWay.add(capacity.reason)
    if (node.state === 'draining') inTheWay.add(`node ${node.id} is being drained already`)
  }
  if (drains && takers.length === 0 && job.nodes.length > 1)
    inTheWay.add(
      'no node that is active stays: until another one comes, clients go to nodes that are drained later, and are moved again',
    )
  const room = takers.reduce((sum, node) => sum + (roomOf(node) ?? Infinity), 0)
  if (takers.length > 0 && room < total)
    inTheWay.add(`the others have room for ${room} of the ${total} connections`)
  if (deadlineMs !== undefined && takesMs > deadlineMs)
    inTheWay.add(
      `it takes longer than its deadline of ${Math.round(deadlineMs / 1000)} s: it hurries, and closes whoever is left then`,
    )
  if (plan?.kind === 'over' && takesMs - delays.graceMs > plan.totalMs * LATE_SHARE)
    inTheWay.add(
      `the nodes one after the other take longer than ${Math.round(plan.totalMs / 1000)} s: more at a time would help`,
    )
  return {
    total,
    takesMs: Math.round(takesMs),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    takers: takers.map((node) => {
      const { id, region, version, connections } = node
      const own = roomOf(node)
      return { id, region, version, connections, ...(own === undefined ? {} : { room: own }) }
    }),
    inTheWay: [...inTheWay],
  }
}

const LATE_SHARE = 1.1

function roomOf({ connections, connectionsMax }: NodeInfo): number | undefined {
  return connectionsMax === undefined ? undefined : Math.max(0, connectionsMax - connections)
}
