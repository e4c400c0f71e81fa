/**
 * Tokens that this node has found good, by their hash: whoever comes back after a moment brings the same one, and to check it
 * again costs more than all the rest of a connect. Pure: times are given.
 *
 *  K1 what is remembered was found good with the keys as they are: another `edition` of them, or none that is known, forgets all
 *  K2 nothing is remembered beyond its expiry, nor where the clock has gone back since: what depends on time is checked anew
 *  K3 at most `max` are remembered; the ones that were not used longest are forgotten first
 *
 * Whether a token was revoked is asked elsewhere, of whoever brings it, as often as he does. Of the token only the hash is kept.
 */
import { randomBytes } from 'node:crypto'
import type { Identity } from './identity.ts'
import { tokenKeyOf, TokenTable, type TokenKey } from './token-table.ts'

const SECRET_BYTES = 32

export class KnownTokens {
  readonly #perGeneration: number
  readonly #secret = randomBytes(SECRET_BYTES).toString('base64url')
  /** Two generations: when the young one is full it takes the place of the old one. So nothing is kept beside a token. */
  #young = new TokenTable()
  #old = new TokenTable()
  #edition: number | undefined
  #checkedMs = -Infinity

  constructor(max: number) {
    this.#perGeneration = Math.max(Math.floor(max / 2), 1)
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  /** By which a token is found and remembered here, for as long as the process is there: two hashes of it would be one too many. */
  keyOf(token: string): TokenKey {
    return tokenKeyOf(token, this.#secret)
  }

  /** `edition`: of the keys, see `KeyRing`. */
  find(key: TokenKey, edition: number | undefined, nowMs: number): Identity | undefined {
    if (edition === undefined || edition !== this.#edition || nowMs < this.#checkedMs) {
      this.#forget()
      return undefined
    }
    const young = this.#young.get(key)
    const identity = young ?? this.#old.get(key)
    if (identity === undefined) return undefined
    if (identity.expiresAtMs !== undefined && identity.expiresAtMs <= nowMs) return undefined
    if (young === undefined) this.#keep(key, identity)
    return identity
  }

  /** It was found good at this moment, with this edition of the keys. */
  remember(key: TokenKey, identity: Identity, edition: number | undefined, nowMs: number): void {
    if (edition === undefined) return
    if (edition !== this.#edition) this.#forget()
    this.#edition = edition
    this.#checkedMs = Math.max(this.#checkedMs, nowMs)
    this.#keep(key, identity)
  }

  #keep(key: TokenKey, identity: Identity): void {
    if (this.#young.size >= this.#perGeneration) {
      this.#old = this.#young
      this.#young = new TokenTable()
    }
    this.#young.set(key, identity)
  }

  #forget(): void {
    this.#edition = undefined
    this.#checkedMs = -Infinity
    if (this.size === 0) return
    this.#young = new TokenTable()
    this.#old = new TokenTable()
  }
}
