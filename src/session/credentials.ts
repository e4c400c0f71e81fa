/**
 * Whose a token is, and whether it is good now.
 */
import type { Identity, SessionPorts } from './ports.ts'
import type { Answer } from '../answer.ts'
import { SluiceError } from '../errors.ts'

type CredentialPorts = Pick<SessionPorts, 'tokens' | 'registry' | 'metrics' | 'clock'>

export class Credentials {
  readonly #ports: CredentialPorts

  constructor(ports: CredentialPorts) {
    this.#ports = ports
  }

  /**
   * The user of a token; `nobody`, where that is given and it names none. At once where nobody has to be asked about it; a failure is always
   * a promise. Fails with `unauthorized` or `unavailable`.
   */
  identify(token: string | undefined, nobody?: string): Answer<Identity> {
    if (token === undefined) {
      this.#ports.metrics.tokenChecked('unauthorized')
      return Promise.reject(new SluiceError('unauthorized', 'a token is missing'))
    }
    try {
      const identity = this.#ports.tokens.verify(token, nobody)
      return identity instanceof Promise ? this.#late(identity) : this.#good(identity)
    } catch (error) {
      return Promise.reject(this.#counted(error))
    }
  }

  async #late(verified: Promise<Identity>): Promise<Identity> {
    try {
      return this.#good(await verified)
    } catch (error) {
      throw this.#counted(error)
    }
  }

  #good(identity: Identity): Identity {
    this.checkExpiry(identity)
    this.#ports.metrics.tokenChecked('good')
    return identity
  }

  #counted(error: unknown): Error {
    const failure = error instanceof Error ? error : new Error(String(error))
    const unavailable = failure instanceof SluiceError && failure.code === 'unavailable'
    this.#ports.metrics.tokenChecked(unavailable ? 'unavailable' : 'unauthorized')
    return failure
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
