/**
 * Identities by token, in two flat arrays: a third of what a `Map` and its keys cost. Nothing is taken out; whoever wants less makes a new
 * one. Pure.
 *
 * Of a token 128 bits of its hash are kept. `secret`: hashed with it, so that nobody outside can look for two tokens with the same bits.
 */
import { hash } from 'node:crypto'
import type { Identity } from './identity.ts'

/** Of 32 bits. */
const WORDS = 4
const SLOTS_MIN = 16
/** Of all slots: with more of them in use, a search would walk too far. */
const USED_MAX = 0.75

export class TokenTable {
  #keys = new Int32Array(SLOTS_MIN * WORDS)
  #identities: (Identity | undefined)[] = emptySlots(SLOTS_MIN)
  #size = 0

  get size(): number {
    return this.#size
  }

  get(key: TokenKey): Identity | undefined {
    return this.#identities[this.#slotOf(key, 0)]
  }

  set(key: TokenKey, identity: Identity): void {
    let slot = this.#slotOf(key, 0)
    if (this.#identities[slot] === undefined) {
      if (++this.#size > this.#identities.length * USED_MAX) {
        this.#grow()
        slot = this.#slotOf(key, 0)
      }
      for (let word = 0; word < WORDS; word++) this.#keys[slot * WORDS + word] = key[word] as number
    }
    this.#identities[slot] = identity
  }

  /** Where it is, or where there is room for it. `at`: where in `words` its own begin. */
  #slotOf(words: ArrayLike<number>, at: number): number {
    const mask = this.#identities.length - 1
    // The bits of a hash are as good as any.
    let slot = (words[at] as number) & mask
    while (this.#identities[slot] !== undefined && !this.#isAt(slot, words, at)) slot = (slot + 1) & mask
    return slot
  }

  #isAt(slot: number, words: ArrayLike<number>, at: number): boolean {
    for (let word = 0; word < WORDS; word++)
      if (this.#keys[slot * WORDS + word] !== words[at + word]) return false
    return true
  }

  #grow(): void {
    const [keys, identities] = [this.#keys, this.#identities]
    this.#keys = new Int32Array(keys.length * 2)
    this.#identities = emptySlots(identities.length * 2)
    for (const [slot, identity] of identities.entries()) {
      if (identity === undefined) continue
      const to = this.#slotOf(keys, slot * WORDS)
      this.#keys.set(keys.subarray(slot * WORDS, (slot + 1) * WORDS), to * WORDS)
      this.#identities[to] = identity
    }
  }
}

/** By which a token is found. */
export type TokenKey = ArrayLike<number>

/** Reused: where the digits of a hash become words. */
const hashWords = new Int32Array(WORDS)
const hashBytes = Buffer.from(hashWords.buffer)

export function tokenKeyOf(token: string, secret: string): TokenKey {
  // As text: a buffer is three pieces of memory outside of the heap, which stay until the garbage is collected.
  hashBytes.write(hash('sha256', secret + token, 'hex'), 0, hashBytes.length, 'hex')
  return [hashWords[0] as number, hashWords[1] as number, hashWords[2] as number, hashWords[3] as number]
}

function emptySlots(count: number): (Identity | undefined)[] {
  return Array.from({ length: count }, () => undefined)
}
