import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // A thread that dies with open uWebSockets.js sockets takes the whole runner with it; a process does not.
    pool: 'forks',
    maxWorkers: 2,
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // What a test waits for comes when it comes: on a busy machine later than the default of a second.
    expect: { poll: { timeout: 15_000, interval: 20 } },
    reporters: ['default', './scripts/totals-reporter.mjs'],
  },
})
