/**
 * What the stores are told of the configuration, in memory or not. Part of the composition.
 */
import type { Config } from '../config/schema.ts'
import { PRESENCE_REFRESH_MS } from '../presence/presence.ts'
import type { RedisRegistryOptions } from '../registry/redis-options.ts'

/** A node that says nothing of a channel for so long is not in it any more. */
export const PRESENCE_TTL_MS = 4 * PRESENCE_REFRESH_MS
/** A node asks for each channel with subscribers once in `feeds.headCheck`; it may be late, and miss once. */
const ASKED_HEAD_CHECKS = 3
const ASKED_MIN_MS = 60_000

/** For so long a channel is known at least that somebody asks for and nobody has published to. */
export function askedMsOf({ feeds }: Config): number {
  return Math.max(feeds.headCheck * ASKED_HEAD_CHECKS, ASKED_MIN_MS)
}

/** What a registry remembers of a user at least, connected or not: a poll leaves a session behind that nobody resumes. */
const SESSIONS_KEPT_MIN = 256
/** Where users have no limit: nobody comes here by himself. */
const SESSIONS_KEPT_MAX = 65_536

export function registryOptions({ cluster, sessions, limits }: Config): RedisRegistryOptions {
  const { sessionsPerUser } = limits
  return {
    nodeTtlMs: cluster.nodeTtl,
    sessionTtlMs: sessions.ttl,
    // Who is connected must not be forgotten for those who were.
    sessionsPerUserMax:
      sessionsPerUser === 0 ? SESSIONS_KEPT_MAX : Math.max(sessionsPerUser * 2, SESSIONS_KEPT_MIN),
  }
}
