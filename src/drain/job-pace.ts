/**
 * The pace of a job, and what of it is a node's. Pure.
 *
 * A plan says what the whole job asks. A node that moves clients asks its share, and a node that begins later begins when the
 * plan has come so far, with the rest of the batch in which the one before it has ended: else each node would bring a batch
 * of its own. Where all are to be asked by a time, what each node
 * needs before it may begin is taken off that time.
 */
import { isActive, isOpen, type Job, type JobNode } from './job.ts'
import { FLOW_EVERY_MS, lengthMs, ROUNDING, scheduleOf, slackMs } from './schedule.ts'
import { parsePlan, planText, type Plan } from '../config/drain-plan.ts'

/** What a node of the cluster takes, whatever its clients do. */
export interface JobDelays {
  /** For so long it takes newcomers before it moves anybody. */
  readonly deregisterMs: number
  readonly graceMs: number
  readonly closeSpreadMs: number
}

/** How far the clients of the job have come. */
export interface JobSight extends JobDelays {
  readonly nowMs: number
  /** So many of the node have been told. */
  told(id: string): number
  /** So many of the node are still to go; `undefined`: nobody has said so since the job was made. */
  left(id: string): number | undefined
}

export interface Share {
  readonly plan: string
  readonly moveAt: number
}

/** Until the node has heard of its call, and until it is seen that it has gone. */
const CHANGE_MS = 2000
/** The last who were asked have this long for their move before the job has to end. */
const SETTLE_MS = 10_000
/** Where the others say how fast, each node asks them itself: an assumption, for how long it may take. */
const FAST_PER_MS = 0.1
/** Of nobody a percentage is nothing, and a pace of nothing never ends. */
const BATCH_MIN = 1e-3

/** Of the clients of the job that have been told. */
export function toldIn(job: Job, sight: Pick<JobSight, 'told'>): number {
  return job.nodes.reduce((sum, node) => sum + (node.told ?? (isActive(node) ? sight.told(node.id) : 0)), 0)
}

/** Of the clients of the job that are still to be told. */
function untoldIn(job: Job, sight: JobSight): number {
  return job.nodes.reduce((sum, node) => sum + untoldOf(node, sight), 0)
}

export function untoldOf(node: JobNode, sight: JobSight): number {
  if (!isOpen(node)) return 0
  return sight.left(node.id) ?? Math.max(0, node.clients - sight.told(node.id))
}

/** So many rounds of nodes are still to come after those that move clients now. */
function roundsAfter(job: Job): number {
  return Math.ceil(job.nodes.filter(({ part }) => part === 'waiting').length / job.parallel)
}

function clientsOf(job: Job): number {
  return job.nodes.reduce((sum, { clients }) => sum + clients, 0)
}

function overheadMs({ deregisterMs }: JobDelays): number {
  return deregisterMs + CHANGE_MS
}

interface Pace {
  /** So many clients in a millisecond, all nodes together. */
  readonly perMs: number
  /** They are asked in batches, once in each such time. */
  readonly everyMs: number
  /** It is what is left by the time that is left, so nobody has to wait for what was asked before. */
  readonly byTime: boolean
}

function paceOf(job: Job, sight: JobSight): Pace {
  const plan = parsePlan(job.plan) as Plan
  const left = untoldIn(job, sight)
  const within = (untilMs: number): Pace => ({
    perMs: Math.max(1, left) / timeLeftMs(job, sight, untilMs),
    everyMs: FLOW_EVERY_MS,
    byTime: true,
  })
  const own =
    plan.kind === 'over'
      ? within(job.planFrom + plan.totalMs)
      : plan.kind === 'fast'
        ? { perMs: FAST_PER_MS, everyMs: FLOW_EVERY_MS, byTime: true }
        : {
            perMs: Math.max(BATCH_MIN, batchOf(plan, job, left)) / plan.everyMs,
            everyMs: plan.everyMs,
            byTime: false,
          }
  if (job.deadlineAt === undefined) return own
  const settleMs = Math.min(SETTLE_MS, sight.graceMs) + sight.closeSpreadMs
  const needed = within(job.deadlineAt - settleMs)
  return needed.perMs > own.perMs ? needed : own
}

function timeLeftMs(job: Job, sight: JobSight, untilMs: number): number {
  const starting = job.nodes.some(({ part }) => part === 'called') ? overheadMs(sight) : 0
  return Math.max(FLOW_EVERY_MS, untilMs - sight.nowMs - starting - roundsAfter(job) * overheadMs(sight))
}

/** A part of all is one of those who were there when the job was made, or who are still to go, where those are more. */
function batchOf(plan: Exclude<Plan, { kind: 'over' } | { kind: 'fast' }>, job: Job, left: number): number {
  return plan.kind === 'count' ? plan.count : (Math.max(clientsOf(job), left) * plan.percent) / 100
}

/** What one of so many nodes that move clients at a time asks, and from when on. */
export function shareOf(job: Job, node: JobNode, lanes: number, sight: JobSight): Share {
  // All begin together, and each has a part of its own to give away.
  if (job.kind === 'rebalance') return { plan: planOfPart(job), moveAt: sight.nowMs }
  if (parsePlan(job.plan)?.kind === 'fast') return { plan: job.plan, moveAt: sight.nowMs }
  const { perMs, everyMs, byTime } = paceOf(job, sight)
  const batch = (perMs * everyMs) / lanes
  const count = Math.max(1, Math.floor(batch + ROUNDING))
  const plan = planText({
    kind: 'count',
    count,
    // The pace is kept where the batch was rounded.
    everyMs: Math.max(1, Math.round((count * everyMs) / batch)),
  })
  // Who has nobody has nobody to wait for.
  if (byTime || untoldOf(node, sight) === 0) return { plan, moveAt: sight.nowMs }
  const { part, batchAsked = 0, batchUntil = 0 } = node
  if (part === 'called' && batchUntil > sight.nowMs)
    return { plan, moveAt: batchAsked < count ? sight.nowMs : batchUntil }
  // No sooner than the plan has come so far, also where the batch was rounded, down or up.
  const asked = toldIn(job, sight) - (job.planTold ?? 0)
  const dueMs = Math.max(asked / perMs, (asked + count * lanes) / perMs - everyMs)
  return { plan, moveAt: Math.max(sight.nowMs, Math.round(job.planFrom + dueMs)) }
}

/** Where each gives a part of its own away, a number for all is divided. */
function planOfPart(job: Job): string {
  const plan = parsePlan(job.plan) as Plan
  if (plan.kind !== 'count') return job.plan
  return planText({ ...plan, count: Math.max(1, Math.floor(plan.count / job.parallel)) })
}

/** How long it takes from here on, by its plan; `undefined`: nothing moves. */
export function estimateMs(job: Job, sight: JobSight): number | undefined {
  if (job.state !== 'running') return undefined
  const left = untoldIn(job, sight)
  const { perMs } = paceOf(job, sight)
  const starting = job.nodes.some(({ part }) => part === 'called') ? overheadMs(sight) : 0
  const asked = Math.max(0, left / perMs - FLOW_EVERY_MS)
  return Math.round(asked + starting + roundsAfter(job) * overheadMs(sight))
}

/** From its beginning, where nobody has set a deadline: what it takes, and time for what holds it up. */
export function deadlineOf(job: Job, delays: JobDelays): number {
  const plan = parsePlan(job.plan) as Plan
  const rounds = Math.ceil(job.nodes.length / job.parallel)
  const startMs = rounds * overheadMs(delays)
  const planMs =
    plan.kind === 'fast' ? clientsOf(job) / FAST_PER_MS : lengthMs(scheduleOf(plan, clientsOf(job)))
  const takesMs = plan.kind === 'over' ? Math.max(planMs, startMs) : planMs + startMs
  return takesMs + slackMs(takesMs) + delays.graceMs + delays.closeSpreadMs
}

/** By when a node that begins now has ended, so that those after it still have time to. */
export function nodeDeadlineOf(job: Job, delays: JobDelays): number | undefined {
  if (job.deadlineAt === undefined) return undefined
  return job.deadlineAt - roundsAfter(job) * lastRoundMs(delays)
}

/** From here on all that are left begin at once: the deadline counts more than how many do so at a time. */
export function allAtOnceFromMs(job: Job, delays: JobDelays): number {
  return job.deadlineAt === undefined ? Infinity : job.deadlineAt - lastRoundMs(delays)
}

/** A node that has no time to lose takes this long. */
function lastRoundMs(delays: JobDelays): number {
  return overheadMs(delays) + delays.closeSpreadMs
}
