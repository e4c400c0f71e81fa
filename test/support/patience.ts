/**
 * How long tests wait at most. A limit tells a wrong gateway from one that has not been given the processor yet, so all limits
 * follow how fast this machine is now: vitest.config.ts measures it before the tests and hands it to all their processes.
 * No test states a limit of its own (test/structure/patience.test.ts).
 */
import { deepStrictEqual } from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'

/** The variable of the environment that hands the measurement on. None of Sluice's own: nodes inherit it, and refuse those. */
export const SLOWNESS_VARIABLE = 'TEST_SLOWNESS'

/** What a measurement takes where nothing else runs: an ordinary machine of 2020 needs no longer. */
const QUIET_MS = 200
/** So much text is written and read in a measurement. */
const ROUNDS = 2000
const RECORDS = Array.from({ length: 150 }, (_, index) => ({
  index,
  text: `text ${index}`,
  two: [index, -index],
}))
/** However busy a machine is: a test that hangs shall end on the same day. */
const SLOWNESS_MAX = 20

/** How many times longer the machine takes for a piece of work than a quiet one; never below 1. */
export function measureSlowness(): number {
  const startedMs = performance.now()
  for (let round = 0; round < ROUNDS; round++) JSON.parse(JSON.stringify(RECORDS))
  return slownessOf(performance.now() - startedMs)
}

export function slownessOf(tookMs: number): number {
  return Math.min(Math.max(tookMs / QUIET_MS, 1), SLOWNESS_MAX)
}

/** Outside vitest, in benchmarks, nobody has measured. */
const slowness = Number(process.env[SLOWNESS_VARIABLE] ?? 1)

/** What is long enough on a quiet machine, for this one. */
export function patientMs(quietMs: number): number {
  return Math.ceil(quietMs * slowness)
}

/** A setting of a node that shall not be too short for a busy machine. */
export function patientDuration(quietMs: number): `${number}ms` {
  return `${patientMs(quietMs)}ms`
}

const LOOK_EVERY_MS = 50

/**
 * Resolves once `look` shows what is expected, however long that takes, as long as what it shows changes: slow is not wrong,
 * standing still is. Only time in which this process could look counts.
 */
export async function comesTo<Value>(
  look: () => Value | Promise<Value>,
  expected: Value,
  stillMs = patientMs(30_000),
): Promise<void> {
  let shown = await look()
  let leftMs = stillMs
  while (leftMs > 0 && !isDeepStrictEqual(shown, expected)) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    const next = await look()
    leftMs = isDeepStrictEqual(next, shown) ? leftMs - LOOK_EVERY_MS : stillMs
    shown = next
  }
  deepStrictEqual(shown, expected)
}

/** What is waited for comes, or the test says that it did not: one that only runs out of time does not say for what it waited. */
export async function comes<Value>(
  what: string,
  awaited: Promise<Value>,
  mostMs = patientMs(60_000),
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const never = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), mostMs)
  })
  try {
    return await Promise.race([awaited, never])
  } finally {
    clearTimeout(timer)
  }
}
