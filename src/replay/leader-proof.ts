/**
 * Whether the leader of a replicated stream is the one that most servers follow: an entry that is stored proves it.
 *
 * Servers wait at least four seconds without a word of their leader before they choose another one (the shortest election timeout of
 * nats-server), so for a part of that a proof holds, and a client that makes up positions costs two entries of nothing in a second, not
 * one for each.
 */
import type { Clock } from '../clock.ts'

const HOLDS_MS = 500

export class LeaderProof {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #store: () => Promise<unknown>
  #provenMs = -Infinity
  #proving: Promise<void> | undefined

  /** `store`: stores an entry. Fails where no leader confirms it. */
  constructor(clock: Pick<Clock, 'monotonicMs'>, store: () => Promise<unknown>) {
    this.#clock = clock
    this.#store = store
  }

  /** Fails with `unavailable` where there is no such leader now. */
  prove(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#provenMs < HOLDS_MS) return Promise.resolve()
    this.#proving ??= this.#prove().finally(() => (this.#proving = undefined))
    return this.#proving
  }

  async #prove(): Promise<void> {
    // From when it was asked: that is when it was the leader at the latest.
    const askedMs = this.#clock.monotonicMs()
    await this.#store()
    this.#provenMs = askedMs
  }
}
