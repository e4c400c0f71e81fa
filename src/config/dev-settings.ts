/**
 * What `sluice dev` starts from, and what is so only there.
 */
import { randomBytes } from 'node:crypto'
import type { ConfigInput } from './schema.ts'

/** The API key of `sluice dev`, which everybody knows. */
export const DEV_KEY = 'dev'

/** Whether it is among them; a key that somebody has set is theirs, and not shown. */
export function hasDevKey(entries: readonly string[]): boolean {
  return entries.some((entry) => entry.split(':').slice(2).join(':') === DEV_KEY)
}

/** Never from a file: rules that protect a deployment are relaxed. */
export interface DevFacts {
  /** Set by `sluice dev`. */
  readonly dev: boolean
  /** Tokens are checked with a secret that nobody has configured: the node hands out tokens. */
  readonly devTokens: boolean
  /** The folder whose files are served at `/`. */
  readonly devStatic?: string
}

/**
 * Under everything else, so that a file or a variable overrides each of them: nobody outside the machine can connect,
 * and everybody on it can.
 */
export function devSettings(secret = randomBytes(32).toString('base64url')): ConfigInput {
  return {
    host: '127.0.0.1',
    api: { keys: [`dev:publish+history+admin:${DEV_KEY}`] },
    auth: { jwtSecret: secret },
    namespaces: {
      // Whoever tries something out looks away for longer than a network does.
      '*': { clientPublish: 'fanout', presence: true, ttl: '1h' },
      '@': { presence: false, ttl: '1h' },
    },
    // Everybody is on this machine, so all have one address.
    admission: { perAddressPerSecond: 0 },
  }
}
