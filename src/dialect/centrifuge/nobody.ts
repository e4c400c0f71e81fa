/**
 * Clients that nobody is named for: they bring no token, or one without a user, as Centrifugo has them. Each is a user of its own, whom
 * nobody else can name.
 */
import { randomBytes } from 'node:crypto'
import { asClaimed } from './grants.ts'
import type { SpeakerPorts } from './speaker-ports.ts'
import type { Identity, Permissions } from '../../session/ports.ts'

const ANONYMOUS = 'anonymous-'

export interface Identified {
  readonly identity: Identity
  /** Its user, where nobody is named; then other tokens of nobody are good for it too. */
  readonly nobody: string | undefined
  /** What it may do beside what is in its token. */
  readonly more: Permissions | undefined
}

/** Fails with `unauthorized` or `unavailable`. */
export async function identified(
  token = '',
  { anonymous, everybody, reception, clock }: SpeakerPorts,
): Promise<Identified> {
  const known = (identity: Identity): Identified => {
    return { identity: asClaimed(identity), nobody: undefined, more: everybody }
  }
  if (anonymous === undefined) return known(await reception.identify(token === '' ? undefined : token))
  const nobody = `${ANONYMOUS}${randomBytes(16).toString('hex')}`
  const identity =
    token === ''
      ? { user: nobody, permissions: anonymous, expiresAtMs: undefined, issuedAtMs: clock.now() }
      : await reception.identify(token, nobody)
  if (identity.user !== nobody) return known(identity)
  return { identity: asClaimed(identity), nobody, more: anonymous }
}
