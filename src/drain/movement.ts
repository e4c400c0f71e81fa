/**
 * Clients of this node are moved, by somebody, for some reason.
 */
import type { DrainProgress } from './drain.ts'
import type { JobKind } from './job.ts'

/** Who has begun it, and why. */
export interface Origin {
  /** The name of the API key, `signal`, or what has begun it by itself. */
  readonly by: string
  readonly reason?: string
  /** The job that it is part of. Absent: this node alone was meant. */
  readonly job?: string
}

export const BY_SIGNAL: Origin = { by: 'signal' }

export interface Movement {
  readonly kind: JobKind
  readonly origin: Origin
  readonly progress: () => DrainProgress
  /** `gone`: all who were to go have gone. */
  readonly done: Promise<'gone' | 'cancelled'>
}
