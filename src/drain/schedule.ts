/**
 * How many are to be asked by when. Pure: a plan becomes steps at equal distances, and each says how many are due by then.
 * The last step has everybody who is left, so that rounding leaves nobody behind.
 */
import type { Plan } from '../config/drain-plan.ts'

export interface Schedule {
  /** Between two steps. The first is at once. */
  readonly everyMs: number
  /** At least 1. */
  readonly steps: number
  /** How many are due at a step, with all before it; steps count from 0, and -1 is before the first. `Infinity` from the last one on. */
  readonly dueAt: (step: number) => number
}

/** An even flow is made of small batches. */
export const FLOW_EVERY_MS = 1000
/** 7 % of 100 are 7, not 7.000000000000001; and 58 in 19,994 ms are 58, not 57.99999999999999. */
export const ROUNDING = 1e-9
const SLACK_SHARE = 0.25
const SLACK_MIN_MS = 30_000

/** The batch of a plan whose interval has not passed. */
export interface Underway {
  /** So many of it were asked. */
  readonly asked: number
  /** When the next one is due. */
  readonly nextInMs: number
}

/** Of so many clients. `asked`: so many of its first batch others have asked, where it has batches. */
export function scheduleOf(plan: Plan, clients: number, asked = 0): Schedule {
  switch (plan.kind) {
    case 'percent': {
      const batch = (clients * plan.percent) / 100
      return inBatches(batch, Math.ceil(100 / plan.percent - ROUNDING), plan.everyMs)
    }
    case 'count':
      return inBatches(plan.count, Math.ceil((clients + asked) / plan.count), plan.everyMs, asked)
    case 'over': {
      // No more steps than clients: each has its own, and the last one is not early.
      const steps = Math.max(1, Math.min(Math.floor(plan.totalMs / FLOW_EVERY_MS), clients))
      return inBatches(clients / steps, steps, plan.totalMs / steps)
    }
    case 'fast':
      // All are due; how many go is up to those who take them.
      return inBatches(clients, 1, FLOW_EVERY_MS)
    default:
      return plan satisfies never
  }
}

/** From the first step until the last one has had its interval. */
export function lengthMs({ steps, everyMs }: Schedule): number {
  return steps * everyMs
}

/** What moving may be held up, where no deadline is set: a part of the time that it takes, and at least so long. */
export function slackMs(takesMs: number): number {
  return Math.max(takesMs * SLACK_SHARE, SLACK_MIN_MS)
}

function inBatches(batch: number, wanted: number, everyMs: number, asked = 0): Schedule {
  const steps = Math.max(1, wanted)
  return {
    everyMs,
    steps,
    dueAt: (step) => (step >= steps - 1 ? Infinity : Math.ceil(batch * (step + 1) - asked - ROUNDING)),
  }
}
