/**
 * How the registry in Redis is set up.
 */
import type { RegistryOptions } from './registry.ts'

export interface RedisRegistryOptions extends RegistryOptions {
  /** In front of every key. Default: `sluice`. */
  readonly keyPrefix?: string
  /** How many revocations and disconnections are remembered for nodes that were not told; the oldest go first. Default: 10,000. */
  readonly ordersMax?: number
  /** How many sessions a user may have, connected or detached; over it the oldest is forgotten. Default: 256. */
  readonly sessionsPerUserMax?: number
  /** Told at each reading of the table: the entries of live nodes that are none. */
  readonly malformed?: (names: readonly string[]) => void
}

export const KEY_PREFIX = 'sluice'
export const SESSIONS_PER_USER_MAX = 256
