/**
 * A job of the cluster: the nodes whose clients are moved, in which order and at which pace, and how far it has come. It
 * stands on a shelf of the registry, and whoever changes it has seen what it changes (R15). Pure.
 *
 *   waiting ── the leader ──▶ called ── the node ──▶ moving ── the node ──▶ gone
 *      │                        │                      ├ the leader ▶ lost ── the node, when it is back ──▶ waiting
 *      └ the leader ▶ left      └ the leader ▶ silent  └ the node, after a cancel ▶ stayed
 *
 * It keeps (test/property/job.property.test.ts):
 *  J1 never do more nodes move clients for a job than are to at a time, whoever leads, dies, or thinks that he leads
 *  J2 each node is begun once
 *  J3 it ends, whichever nodes die, freeze or never answer, and every node of it is named with what became of it
 *  J4 nobody moves clients for a job while it is paused, or after it was cancelled, but for who has not heard of it yet
 *  J5 what a node may ask is a share of what the whole job may, and a node that begins later begins with what is left of it
 */
import { isPlan } from '../config/drain-plan.ts'
import type { Underway } from './schedule.ts'
import { objectIn } from '../protocol/json.ts'

export const JOB_KINDS = ['drain', 'rebalance'] as const
export type JobKind = (typeof JOB_KINDS)[number]

export const JOB_STATES = ['running', 'paused', 'done', 'cancelled'] as const
export type JobState = (typeof JOB_STATES)[number]

/**
 * `gone`: all have been moved, and where it was a drain the node stops. `stayed`: cancelled. `left`: it was gone before its
 * turn. `lost`: it died while it moved clients. `silent`: it was called and did not answer.
 */
export const JOB_PARTS = ['waiting', 'called', 'moving', 'gone', 'stayed', 'left', 'lost', 'silent'] as const
export type JobPart = (typeof JOB_PARTS)[number]

export interface JobNode {
  readonly id: string
  readonly region: string
  readonly version: string
  /** So many are to go, as it was when the job was made. */
  readonly clients: number
  readonly part: JobPart
  /** When its part began, by the clock of the store. Absent: with the job. */
  readonly since?: number
  /** Its share of the job's plan, and what that was made of. */
  readonly plan?: string
  readonly share?: string
  /** Nobody is asked before. */
  readonly moveAt?: number
  readonly deadlineAt?: number
  /** So many it had told when its part ended. */
  readonly told?: number
  /**
   * Of a batch that was begun: so many were asked, and when the next one is due. Of a node whose part has ended, for the one
   * that comes after it; of a node that is called, for itself.
   */
  readonly batchAsked?: number
  readonly batchUntil?: number
}

export interface Job {
  readonly id: string
  readonly kind: JobKind
  readonly state: JobState
  /** The name of the API key, `signal`, or what has begun it by itself. */
  readonly by: string
  /** As whoever asked has said it. */
  readonly reason?: string
  /** Which nodes were meant, as it was asked for: `region eu`. */
  readonly what: string
  /** The region that clients are sent to. Absent: to their usual address. */
  readonly to?: string
  /** The version that clients went to when it began. Absent: it is not known. */
  readonly target?: string
  /** All times are milliseconds since 1970, by the clock of the store. */
  readonly at: number
  readonly endedAt?: number
  /** Of the whole job. */
  readonly plan: string
  /** Since when the plan is carried out: later, by as long as the job was paused. */
  readonly planFrom: number
  /** So many had been told then. Absent: whoever leads has not looked since. */
  readonly planTold?: number
  readonly pausedAt?: number
  /** By then it has ended. Absent: whoever does not want to go may stay. */
  readonly deadlineAt?: number
  /** So many nodes move clients at a time. */
  readonly parallel: number
  /** All nodes at once, and everybody now. */
  readonly now?: true
  readonly nodes: readonly JobNode[]
}

/** For so long after its end it can be asked for, and a job that nobody carries on is remembered. */
export const JOB_TTL_MS = 86_400_000
export const JOB_NODES_MAX = 256
export const REASON_LENGTH_MAX = 200
const TEXT_LENGTH_MAX = 400
const ACTIVE: readonly JobPart[] = ['called', 'moving']
const OPEN: readonly JobPart[] = ['waiting', ...ACTIVE]

export function isOver(job: Job): boolean {
  return job.endedAt !== undefined
}

/** It may be moving clients for the job. */
export function isActive({ part }: Pick<JobNode, 'part'>): boolean {
  return ACTIVE.includes(part)
}

/** Something is still to become of it. */
export function isOpen({ part }: Pick<JobNode, 'part'>): boolean {
  return OPEN.includes(part)
}

export function nodeOf(job: Job, id: string): JobNode | undefined {
  return job.nodes.find((node) => node.id === id)
}

/** The nodes that jobs will send clients away from: nobody who is moving is let in there. */
export function leavingIn(jobs: Iterable<Job>): ReadonlySet<string> {
  const leaving = new Set<string>()
  for (const { kind, state, nodes } of jobs) {
    if (kind !== 'drain' || (state !== 'running' && state !== 'paused')) continue
    for (const node of nodes) if (isOpen(node)) leaving.add(node.id)
  }
  return leaving
}

/** The job that runs and moves the clients of this node, or will. */
export function aheadOf(id: string, jobs: Iterable<Job>): Job | undefined {
  for (const job of jobs) if (job.state === 'running' && leavingIn([job]).has(id)) return job
  return undefined
}

/** With one node of it changed; the same where nothing has. */
export function withNode(job: Job, id: string, change: (node: JobNode) => JobNode): Job {
  const nodes = job.nodes.map((node) => (node.id === id ? change(node) : node))
  return nodes.some((node, index) => node !== job.nodes[index]) ? { ...job, nodes } : job
}

/** What only the node itself may say: that it begins, that it has ended, that it is back. `undefined`: it is not so any more. */
export function begun(job: Job, id: string, nowMs: number): Job | undefined {
  return job.state === 'running' ? parted(job, id, { from: ['called'], to: 'moving', nowMs }) : undefined
}

export function ended(job: Job, id: string, ending: Ending): Job | undefined {
  const from: readonly JobPart[] = ['called', 'moving', 'waiting', 'left', 'lost', 'silent']
  const { nowMs, told, cancelled, underway } = ending
  const next = parted(job, id, { from, to: cancelled ? 'stayed' : 'gone', nowMs, told })
  if (next === undefined) return undefined
  const batch =
    underway === undefined ? {} : { batchAsked: underway.asked, batchUntil: nowMs + underway.nextInMs }
  return withNode(next, id, (node) => ({ ...withoutBatch(node), ...batch }))
}

/**
 * The first of the waiting nodes is called, and goes on with the batch in which one before it has ended: the last of them with
 * all that are left, since it has the pace of all who are not there any more.
 */
export function called(job: Job, nowMs: number): Job {
  const [next, ...later] = job.nodes.filter(({ part }) => part === 'waiting')
  if (next === undefined) return job
  const left = job.nodes.filter((node) => !isOpen(node) && (node.batchUntil ?? 0) > nowMs)
  const taken = later.length === 0 ? left : left.slice(0, 1)
  const batch = {
    batchAsked: taken.reduce((sum, { batchAsked = 0 }) => sum + batchAsked, 0),
    batchUntil: Math.max(0, ...taken.map(({ batchUntil = 0 }) => batchUntil)),
  }
  const nodes = job.nodes.map((node): JobNode => {
    if (taken.includes(node)) return withoutBatch(node)
    if (node !== next) return node
    return { ...node, ...(taken.length === 0 ? {} : batch), part: 'called', since: nowMs }
  })
  return { ...job, nodes }
}

function withoutBatch({ batchAsked: _asked, batchUntil: _until, ...node }: JobNode): JobNode {
  return node
}

export function back(job: Job, id: string, nowMs: number): Job | undefined {
  return parted(job, id, { from: ['left', 'lost', 'silent'], to: 'waiting', nowMs })
}

export interface Ending {
  readonly nowMs: number
  readonly told: number
  readonly cancelled: boolean
  readonly underway?: Underway | undefined
}

interface Parting {
  readonly from: readonly JobPart[]
  readonly to: JobPart
  readonly nowMs: number
  readonly told?: number
}

function parted(job: Job, id: string, { from, to, nowMs, told }: Parting): Job | undefined {
  const node = nodeOf(job, id)
  if (node === undefined || isOver(job) || !from.includes(node.part)) return undefined
  return withNode(job, id, () => ({
    ...node,
    part: to,
    since: nowMs,
    ...(told === undefined ? {} : { told }),
  }))
}

/** What an operator changes of a job that runs. */
export interface JobChange {
  readonly plan?: string
  readonly paused?: boolean
  readonly parallel?: number
  readonly now?: true
  readonly cancel?: true
}

/** `undefined`: the job is over. */
export function changed(job: Job, change: JobChange, nowMs: number): Job | undefined {
  if (isOver(job) || job.state === 'cancelled') return undefined
  if (change.cancel) return { ...job, state: 'cancelled' }
  const { plan, parallel, now, paused = now === undefined ? undefined : false } = change
  const { planTold, ...rest } = paused === undefined ? job : paused ? stopped(job, nowMs) : goneOn(job, nowMs)
  return {
    ...rest,
    ...(plan !== undefined ? { plan, planFrom: nowMs } : planTold === undefined ? {} : { planTold }),
    ...(parallel === undefined ? {} : { parallel }),
    ...(now === undefined ? {} : { now }),
  }
}

function stopped(job: Job, nowMs: number): Job {
  return job.state === 'paused' ? job : { ...job, state: 'paused', pausedAt: nowMs }
}

/** Everything is later by as long as it was paused. */
function goneOn(job: Job, nowMs: number): Job {
  if (job.state !== 'paused') return job
  const { pausedAt = nowMs, ...rest } = job
  const later = Math.max(0, nowMs - pausedAt)
  return {
    ...rest,
    state: 'running',
    planFrom: job.planFrom + later,
    ...(job.deadlineAt === undefined ? {} : { deadlineAt: job.deadlineAt + later }),
    nodes: job.nodes.map((node) => ({
      ...node,
      ...(node.moveAt === undefined ? {} : { moveAt: node.moveAt + later }),
      ...(node.batchUntil === undefined ? {} : { batchUntil: node.batchUntil + later }),
      ...(node.deadlineAt === undefined ? {} : { deadlineAt: node.deadlineAt + later }),
    })),
  }
}

export function jobsIn(shelf: ReadonlyMap<string, string>): Map<string, Job> {
  const jobs = new Map<string, Job>()
  for (const [id, text] of shelf) {
    const job = jobIn(id, text)
    if (job !== undefined) jobs.set(id, job)
  }
  return jobs
}

/** What does not look like a job is none: others may write there too. */
export function jobIn(id: string, text: string): Job | undefined {
  const value = objectIn(text)
  return value !== undefined && value['id'] === id && isJob(value) ? (value as unknown as Job) : undefined
}

function isJob(job: Readonly<Record<string, unknown>>): boolean {
  const { nodes, plan } = job
  return (
    JOB_KINDS.includes(job['kind'] as JobKind) &&
    JOB_STATES.includes(job['state'] as JobState) &&
    [job['id'], job['by'], job['what'], plan].every(isText) &&
    isPlan(plan as string) &&
    [job['reason'], job['target'], job['to']].every((text) => text === undefined || isText(text)) &&
    [job['at'], job['planFrom'], job['parallel']].every(isAmount) &&
    [job['endedAt'], job['pausedAt'], job['deadlineAt'], job['planTold']].every(isAmountOrAbsent) &&
    Array.isArray(nodes) &&
    nodes.length <= JOB_NODES_MAX &&
    nodes.every((node) => typeof node === 'object' && node !== null && isJobNode(node as JobNode))
  )
}

function isJobNode(node: JobNode): boolean {
  const { id, region, version, clients, part, plan } = node
  return (
    [id, region, version].every(isText) &&
    isAmount(clients) &&
    JOB_PARTS.includes(part) &&
    (plan === undefined || (isText(plan) && isPlan(plan))) &&
    [node.since, node.moveAt, node.deadlineAt, node.told, node.batchAsked, node.batchUntil].every(
      isAmountOrAbsent,
    )
  )
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= TEXT_LENGTH_MAX
}

function isAmount(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function isAmountOrAbsent(value: unknown): boolean {
  return value === undefined || isAmount(value)
}
