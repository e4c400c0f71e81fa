/**
 * What a node has to do for a job that it is part of. Pure.
 */
import type { PartCommand } from './job-runner-ports.ts'
import { nodeOf, type Job, type JobNode } from './job.ts'

/** Of the drain that this node carries out for the job. */
export type Local = 'none' | 'runs' | 'over'

export type HandStep =
  | { readonly kind: 'nothing' }
  /** Say that it begins; and where nobody has taken that back, begin. */
  | { readonly kind: 'claim' }
  /** Its drain is as the job says. */
  | { readonly kind: 'follow'; readonly node: JobNode }
  /** It was taken for dead: it waits for its turn, and says so. */
  | { readonly kind: 'back' }
  /** Its drain waits for its turn. */
  | { readonly kind: 'hold' }
  | { readonly kind: 'cancel' }

const NOTHING: HandStep = { kind: 'nothing' }

export function stepOf(job: Job, id: string, local: Local): HandStep {
  const node = nodeOf(job, id)
  if (node === undefined || local === 'over') return NOTHING
  if (job.state === 'cancelled') return local === 'runs' ? { kind: 'cancel' } : NOTHING
  switch (node.part) {
    case 'waiting':
      return local === 'runs' ? { kind: 'hold' } : NOTHING
    case 'called':
      return job.state === 'running' ? { kind: 'claim' } : NOTHING
    case 'moving':
      return { kind: 'follow', node }
    case 'left':
    case 'lost':
    case 'silent':
      return { kind: 'back' }
    default:
      return NOTHING
  }
}

/** What its drain is told: at its beginning, and where something has changed since. */
export function commandOf(
  job: Job,
  node: JobNode,
  before: { readonly share: string | undefined } | undefined,
  nowMs: number,
): PartCommand {
  const { plan, share, moveAt = 0, deadlineAt, batchAsked, batchUntil } = node
  const paused = job.state === 'paused'
  return {
    ...(plan === undefined || (before !== undefined && before.share === share)
      ? {}
      : { plan, waitMs: Math.max(0, moveAt - nowMs) }),
    // Nobody is closed while an operator has it wait.
    ...(paused
      ? { deadlineMs: Infinity }
      : deadlineAt === undefined
        ? {}
        : { deadlineMs: Math.max(0, deadlineAt - nowMs) }),
    ...(before === undefined ? {} : { paused }),
    ...(job.to === undefined || before !== undefined ? {} : { to: job.to }),
    ...(job.now === true ? { finish: true as const } : {}),
    ...(before !== undefined || batchAsked === undefined || batchUntil === undefined
      ? {}
      : { underway: { asked: batchAsked, nextInMs: Math.max(0, batchUntil - nowMs) } }),
  }
}
