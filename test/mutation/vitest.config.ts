import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { measureSlowness, SLOWNESS_VARIABLE } from '../support/patience.ts'

const slowness = measureSlowness()
// A test that waits for what a mutant never does is one that has noticed it.
const longEnoughMs = 10_000 * slowness
const pollMs = 2_000 * slowness

/** What Stryker runs: only what holds pure parts and the session, without servers, and with fewer runs of each property. */
export default defineConfig({
  resolve: {
    alias: [{ find: /^fast-check$/, replacement: fileURLToPath(new URL('fewer-runs.ts', import.meta.url)) }],
  },
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: [
      'test/unit/{admission,client,drain,hub,protocol,publish,session}/**/*.test.ts',
      'test/property/{admission,client-machine,cursor,drain*,feed*,hub,pace,takeover}.property.test.ts',
    ],
    // Which mutant is on is told in the memory of the process.
    pool: 'threads',
    env: { [SLOWNESS_VARIABLE]: String(slowness), MUTATED: 'yes' },
    testTimeout: longEnoughMs,
    hookTimeout: longEnoughMs,
    expect: { poll: { timeout: pollMs, interval: 20 } },
  },
})
