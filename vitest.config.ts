import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/support/longest-first.ts'
import { measureSlowness, SLOWNESS_VARIABLE } from './test/support/patience.ts'

const slowness = measureSlowness()

/** Set by `.ci/run`: properties are tried with the same cases each time. Else each run draws new ones. No variable of Sluice's: nodes refuse those. */
const seeded = process.env.TEST_SEED !== undefined
const seededFastCheck = fileURLToPath(new URL('test/support/seeded-fast-check.ts', import.meta.url))

export default defineConfig({
  resolve: { alias: seeded ? [{ find: /^fast-check$/, replacement: seededFastCheck }] : [] },
  test: {
    // A thread that dies with open uWebSockets.js sockets takes the whole runner with it; a process does not.
    pool: 'forks',
    // More than there are cores: tests of clusters wait for servers most of the time.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    include: ['test/**/*.test.ts'],
    env: { [SLOWNESS_VARIABLE]: String(slowness) },
    // Only what is wrong reaches a limit, so they are generous: what a test waits for comes when it comes.
    testTimeout: 180_000 * slowness,
    hookTimeout: 120_000 * slowness,
    expect: { poll: { timeout: 60_000 * slowness, interval: 20 } },
    reporters: ['default', './scripts/totals-reporter.mjs'],
  },
})
