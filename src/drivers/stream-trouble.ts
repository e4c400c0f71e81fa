/**
 * What is wrong with a stream, from what its calls came to. Pure.
 *
 * Kept (test/unit/drivers/stream-trouble.test.ts):
 *  T1 one look that fails is none: leaders are elected, and words get lost
 *  T2 a stream that is full is read as ever, and is full until it takes an entry as large as the least that it refused
 */

/**
 * `resources`: it takes no more entries. `absent`: there is no JetStream. `silent`: it does not answer. `refused`: there is
 * one, and it is not as it was configured, or cannot be.
 */
export type Lack = 'resources' | 'absent' | 'silent' | 'refused'

export interface Trouble {
  readonly lack: Lack
  /** A sentence for whoever has to mend it. */
  readonly reason: string
}

const LOOKS = 2

export class StreamTrouble {
  #away: Trouble | undefined
  #full: Trouble | undefined
  #refusedBytes = 0
  #looks = 0

  /** `undefined`: nothing is wrong. */
  get now(): Trouble | undefined {
    return this.#away ?? this.#full
  }

  /** Somebody looked, and it answered. */
  answered(): void {
    this.#looks = 0
    this.#away = undefined
  }

  /** Somebody looked in vain. Whether that was once too often. */
  failed(trouble: Trouble): boolean {
    this.#looks++
    if (this.#looks >= LOOKS) this.#away = trouble
    return this.#looks >= LOOKS
  }

  stored(bytes: number): void {
    if (bytes >= this.#refusedBytes) this.#full = undefined
  }

  /** An entry was refused for want of resources. */
  refused(trouble: Trouble, bytes: number): void {
    this.#refusedBytes = this.#full === undefined ? bytes : Math.min(bytes, this.#refusedBytes)
    this.#full = trouble
  }
}
