/**
 * What a backend answers that is asked whether somebody may. Pure.
 */
import { objectIn } from '../protocol/json.ts'

export interface HookAnswer {
  readonly allow: boolean
  /** Told to the client. */
  readonly reason?: string
  /** How long the grant is good. Absent: as the configuration says. */
  readonly ttlMs?: number
}

const REASON_MAX = 200
const TTL_MAX_S = 30 * 86_400
const UNFIT_TO_SHOW = /\p{C}/gu

/** `undefined`: it is none. */
export function answerIn(text: string | undefined): HookAnswer | undefined {
  const value = text === undefined ? undefined : objectIn(text)
  if (value === undefined) return undefined
  const { allow, reason, ttl, ttlMs } = value
  if (typeof allow !== 'boolean') return undefined
  const keptMs = ttlMs ?? (typeof ttl === 'number' ? ttl * 1000 : undefined)
  return {
    allow,
    ...(typeof reason === 'string'
      ? { reason: reason.slice(0, REASON_MAX).replaceAll(UNFIT_TO_SHOW, '?') }
      : {}),
    ...(typeof keptMs === 'number' && keptMs > 0
      ? { ttlMs: Math.min(Math.ceil(keptMs), TTL_MAX_S * 1000) }
      : {}),
  }
}
