/**
 * Whose a token is, and whether it is good now.
 */
import type { Identity, SessionPorts } from './ports.ts'
import { SluiceError } from '../errors.ts'

type CredentialPorts = Pick<SessionPorts, 'tokens' | 'registry' | 'metrics' | 'clock'>

export class Credentials {
  readonly #ports: CredentialPorts

  constructor(ports: CredentialPorts) {
    this.#ports = ports
  }

  /** The user of a token; `nobody`, where that is given and it names none. Fails with `unauthorized` or `unavailable`. */
  async identify(token: string | undefined, nobody?: string): Promise<Identity> {
    const { tokens, metrics } = this.#ports
    if (token === undefined) {
      metrics.tokenChecked('unauthorized')
      throw new SluiceError('unauthorized', 'a token is missing')
    }
    try {
      const identity = await tokens.verify(token, nobody)
      this.checkExpiry(identity)
      metrics.tokenChecked('good')
      return identity
    } catch (error) {
      metrics.tokenChecked(
        error instanceof SluiceError && error.code === 'unavailable' ? 'unavailable' : 'unauthorized',
      )
      throw error
    }
  }

  /** What a token says that is brought for one thing. Fails as `identify` does, and where it was revoked, or is another user's. */
  async prove(token: string | undefined, user?: string, nobody?: string): Promise<Identity> {
    const identity = await this.identify(token, nobody)
    if (user !== undefined && identity.user !== user)
      throw new SluiceError('forbidden', "the token is another user's")
    this.checkRevoked(identity, await this.#ports.registry.revoked(identity.user))
    return identity
  }

  /** The tolerance for clocks that differ is not for connections that would have to end at once. */
  checkExpiry({ expiresAtMs }: Identity): void {
    if (expiresAtMs !== undefined && expiresAtMs <= this.#ports.clock.now()) {
      throw new SluiceError('unauthorized', 'the token has expired (exp)', { freshTokenHelps: true })
    }
  }

  checkRevoked(identity: Identity, revokedBeforeMs: number | undefined): void {
    const { tokens, metrics } = this.#ports
    if (!tokens.isRevoked(identity, revokedBeforeMs)) return
    metrics.tokenChecked('revoked')
    throw new SluiceError('unauthorized', 'the token has been revoked', { freshTokenHelps: true })
  }
}
