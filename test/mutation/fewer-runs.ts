/**
 * fast-check as mutation testing wants it: thirty inputs instead of thousands, always the same ones, so that a score can be
 * repeated, and no search for a smaller input that fails.
 */
import { createRequire } from 'node:module'

type FastCheck = typeof import('fast-check')
interface Options {
  readonly numRuns?: number
}

/** Not by `import`: that leads here. */
const real = createRequire(import.meta.url)('fast-check') as FastCheck

const RUNS_MAX = 30
const SEED = 1

function assert(property: never, { numRuns = RUNS_MAX, ...options }: Options = {}): unknown {
  const fewer = { ...options, numRuns: Math.min(numRuns, RUNS_MAX), seed: SEED, endOnFailure: true }
  return real.assert(property, fewer)
}

export default { ...real, assert }
