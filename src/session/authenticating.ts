/**
 * A fresh token of a user who is connected. What was true before a wait is asked again after it.
 */
import { ConnectionGone } from './connection.ts'
import type { Identity, SessionContext } from './ports.ts'
import { SluiceError } from '../errors.ts'

interface Fresh {
  /** Fails where nobody is there any more. */
  present(): Identity
  /** The token is good. */
  renew(identity: Identity): void
}

/** Fails with `unauthorized`, `forbidden` or `unavailable`. */
export async function authenticate(
  token: string,
  user: string,
  fresh: Fresh,
  { ports, attempts }: SessionContext,
): Promise<void> {
  const { tokens, registry, metrics } = ports
  const attempt = attempts.begin(user, undefined)
  try {
    const identity = await tokens.verify(token)
    fresh.present()
    if (identity.user !== user)
      throw new SluiceError('forbidden', "auth: the token is another user's; a connection keeps its user")
    const answered = await registry.revoked(user)
    fresh.present()
    // As the registry answered, or as was told meanwhile.
    if ([answered, attempt.revokedBeforeMs].some((beforeMs) => tokens.isRevoked(identity, beforeMs)))
      throw new SluiceError('unauthorized', 'auth: the token has been revoked')
    fresh.renew(identity)
  } catch (error) {
    if (!(error instanceof ConnectionGone)) metrics.reauth('refused')
    throw error
  } finally {
    attempts.end(attempt)
  }
  metrics.reauth('renewed')
}
