/**
 * The client's only source of time and randomness, so that tests can drive both.
 */
export interface Time {
  /** Milliseconds since 1970. */
  now(): number
  /** Runs once, after at least `delayMs`; the answer cancels it and may be called at any time. */
  after(delayMs: number, run: () => void): () => void
  /** At least 0, less than 1. */
  random(): number
}

export const systemTime: Time = {
  now: Date.now,
  after(delayMs, run) {
    const timeout = setTimeout(run, delayMs)
    return () => clearTimeout(timeout)
  },
  random: Math.random,
}
