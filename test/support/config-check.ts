/** `sluice config check` on a file of deploy, with the environment that a container or a service gives it. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { loadConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/schema.ts'

const COMMAND = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))

/** What stands in for secrets, which no file of ours has. */
export const SECRETS: Readonly<Record<string, string>> = {
  SLUICE_CLUSTER_SECRET: 'a-secret-that-the-nodes-of-a-test-share',
  SLUICE_JWT_SECRET: 'a-secret-for-tests-of-more-than-32-bytes',
  SLUICE_API_KEYS: 'ops:publish+admin:a-key-for-tests-that-cannot-be-guessed',
}

type Environment = Readonly<Record<string, string>>

/** All that it says: complaints and warnings. */
export function configCheck(
  file: string,
  env: Environment,
): { readonly code: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, 'config', 'check', file], {
    encoding: 'utf8',
    env: { ...env, PATH: process.env['PATH'] },
  })
  return { code: status, said: stdout + stderr }
}

/** What applies then. */
export function configOf(file: string, env: Environment): Config {
  return loadConfig({ file, env: { ...env } })
}

/** Time for whoever stops the node to see that it has gone, beyond the latest end of its drain. */
export const MARGIN_MS = 10_000
