import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it, vi } from 'vitest'
import { newerNats } from '../../support/nats-server.ts'
import { temporaryDirectory } from '../../support/server-process.ts'
import { because } from '../../support/skip-reason.ts'

/** Where the newer nats-server cannot be had, what needs it is skipped by name, and nothing else fails. */

afterEach(() => vi.unstubAllEnvs())

it('a nats-server that is not there is told of in the name of what is skipped, with the reason and the remedy', () => {
  vi.stubEnv('SLUICE_TEST_NATS_SERVER', '/nowhere/nats-server')
  const { missing } = newerNats()
  expect(missing).toMatch(/^no newer nats-server: .*\/nowhere\/nats-server.*; see scripts\/newer-nats\.sh$/)
  expect(because(missing)).toBe(` (not shown here: ${missing})`)
})

it('a nats-server that is there is used, and nothing is said', () => {
  // Any that says its version.
  vi.stubEnv('SLUICE_TEST_NATS_SERVER', 'nats-server')
  expect(newerNats()).toEqual({ program: 'nats-server' })
  expect(because(newerNats().missing)).toBe('')
})

it('a run goes on where it cannot be fetched, and says which tests it goes without, and why', () => {
  const cache = temporaryDirectory('no-newer-nats')
  try {
    const run = spawnSync(fileURLToPath(new URL('../../../scripts/newer-nats.sh', import.meta.url)), {
      encoding: 'utf8',
      env: { ...process.env, XDG_CACHE_HOME: cache.path, PIP_NO_INDEX: '1', PIP_CONFIG_FILE: '/dev/null' },
    })
    expect(run.status).toBe(0)
    const [what, ...why] = run.stderr.trim().split('\n')
    expect(what).toMatch(
      /^nats-server [\d.]+ could not be fetched, so tests of streams with replicas are skipped:$/,
    )
    expect(why.join('')).not.toBe('')
  } finally {
    cache.remove()
  }
})
