/**
 * Whoever is let in by a token without having a session: ended where the token is revoked.
 */
import type { Identity, TokenCheck } from './ports.ts'

interface Holder {
  readonly identity: Identity
  readonly end: () => void
}

export class TokenHolders {
  readonly #tokens: Pick<TokenCheck, 'isRevoked'>
  readonly #all = new Set<Holder>()

  constructor(tokens: Pick<TokenCheck, 'isRevoked'>) {
    this.#tokens = tokens
  }

  /** `end` is called where the token is revoked, once. The answer lets go of it. Idempotent. */
  hold(identity: Identity, end: () => void): () => void {
    const holder = { identity, end }
    this.#all.add(holder)
    return () => void this.#all.delete(holder)
  }

  /** Tokens of users issued up to a moment are revoked. */
  revoke(beforeMs: ReadonlyMap<string, number>): void {
    for (const holder of [...this.#all]) {
      const { identity, end } = holder
      if (!this.#tokens.isRevoked(identity, beforeMs.get(identity.user))) continue
      this.#all.delete(holder)
      end()
    }
  }
}
