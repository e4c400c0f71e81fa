/** When to try again. Pure. */

export interface BackoffOptions {
  readonly baseMs: number
  readonly maxMs: number
}

/**
 * A pause before an attempt that follows `attempt` failed ones: drawn between nothing and a bound that doubles each time, so that many who fail
 * together do not come back together. Where the gateway says how long, it is that and the drawn one behind it.
 */
export function pauseMs(
  { baseMs, maxMs }: BackoffOptions,
  attempt: number,
  saidMs: number | undefined,
  random: number,
): number {
  return (saidMs ?? 0) + random * Math.min(maxMs, baseMs * 2 ** attempt)
}

/** `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date. */
export function retryAfterMs(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000
  const dateMs = Date.parse(header)
  return Number.isNaN(dateMs) ? undefined : Math.max(dateMs - nowMs, 0)
}
