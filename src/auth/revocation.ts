/** Whether a token counts as revoked. Pure: who asks has the moment from the registry (guarantee R5). */
import type { Identity } from './identity.ts'

/**
 * `revokedBeforeMs`: milliseconds since 1970; undefined where nothing was revoked.
 *
 * A token says in whole seconds when it was issued. Within the second of the revocation nobody can tell what came first,
 * so a token of that second is refused, and a fresh one works from the next second on. A token without `iat` cannot
 * show that it is newer, so it is refused for as long as the revocation is remembered.
 */
export function isRevoked(
  identity: Pick<Identity, 'issuedAtMs'>,
  revokedBeforeMs: number | undefined,
): boolean {
  if (revokedBeforeMs === undefined) return false
  if (identity.issuedAtMs === undefined) return true
  return Math.floor(identity.issuedAtMs / 1000) <= Math.floor(revokedBeforeMs / 1000)
}
