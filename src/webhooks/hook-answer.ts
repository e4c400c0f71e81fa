/**
 * What a backend answers that is asked whether somebody may. Pure.
 */
import { patternsFault } from '../auth/permissions.ts'
import { isObject, objectIn } from '../protocol/json.ts'

/** What he may, as lists of patterns. What is absent his token says. */
export interface SaidPermissions {
  readonly subscribe?: readonly string[]
  readonly publish?: readonly string[]
  readonly history?: readonly string[]
}

export interface HookAnswer {
  readonly allow: boolean
  /** Told to the client. */
  readonly reason?: string
  /** How long the grant is good. Absent: as the configuration says. */
  readonly ttlMs?: number
  /** Of a yes to who connects. */
  readonly permissions?: SaidPermissions
}

const REASON_MAX = 200
const TTL_MAX_S = 30 * 86_400
const SAID = ['subscribe', 'publish', 'history'] as const
const UNFIT_TO_SHOW = /\p{C}/gu

/** `undefined`: it is none. */
export function answerIn(text: string | undefined): HookAnswer | undefined {
  const value = text === undefined ? undefined : objectIn(text)
  if (value === undefined) return undefined
  const { allow, reason, ttl, ttlMs, permissions } = value
  if (typeof allow !== 'boolean' || !(permissions === undefined || isSaid(permissions))) return undefined
  const keptMs = ttlMs ?? (typeof ttl === 'number' ? ttl * 1000 : undefined)
  return {
    allow,
    ...(typeof reason === 'string'
      ? { reason: reason.slice(0, REASON_MAX).replaceAll(UNFIT_TO_SHOW, '?') }
      : {}),
    ...(typeof keptMs === 'number' && keptMs > 0
      ? { ttlMs: Math.min(Math.ceil(keptMs), TTL_MAX_S * 1000) }
      : {}),
    ...(permissions === undefined ? {} : { permissions }),
  }
}

/** A misspelt list must not be taken for one that was left out. */
function isSaid(value: unknown): value is SaidPermissions {
  return (
    isObject(value) &&
    Object.entries(value).every(
      ([name, patterns]) =>
        (SAID as readonly string[]).includes(name) && patternsFault(name, patterns) === undefined,
    )
  )
}
