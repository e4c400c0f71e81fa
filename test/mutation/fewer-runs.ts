/**
 * fast-check as mutation testing wants it: a tenth of the inputs, always the same ones, so that a score can be repeated, and no
 * search for a smaller input that fails.
 */
import { createRequire } from 'node:module'

type FastCheck = typeof import('fast-check')
interface Options {
  readonly numRuns?: number
}

/** Not by `import`: that leads here. */
const real = createRequire(import.meta.url)('fast-check') as FastCheck

const RUNS = 100
const SHARE = 0.1
const RUNS_MIN = 20
const SEED = 1

function assert(property: never, { numRuns = RUNS, ...options }: Options = {}): unknown {
  const fewer = {
    ...options,
    numRuns: Math.min(numRuns, Math.max(Math.round(numRuns * SHARE), RUNS_MIN)),
    seed: SEED,
    endOnFailure: true,
  }
  return real.assert(property, fewer)
}

export default { ...real, assert }
