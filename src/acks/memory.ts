/**
 * Acknowledgements of one process, as long as it lives; like the log that they are of.
 */
import type { AckStore } from './ack-store.ts'
import { keyOf } from './key.ts'
import { isFurther } from './order.ts'
import { SluiceError } from '../errors.ts'
import type { Position } from '../protocol/position.ts'

const KEYS_MAX = 100_000

export class MemoryAckStore implements AckStore {
  readonly #keysMax: number
  /** The one acknowledged longest ago is the first. */
  readonly #positions = new Map<string, Position>()
  #closed = false

  /** `keysMax`: of how many pairs of user and channel the position is kept. */
  constructor({ keysMax = KEYS_MAX }: { readonly keysMax?: number } = {}) {
    this.#keysMax = keysMax
  }

  ack(user: string, channel: string, epoch: string, offset: number): void {
    const key = keyOf(user, channel)
    const position = { epoch, offset }
    const known = this.#positions.get(key)
    this.#positions.delete(key)
    this.#positions.set(key, known === undefined || isFurther(position, known) ? position : known)
    if (this.#positions.size <= this.#keysMax) return
    for (const oldest of this.#positions.keys()) {
      this.#positions.delete(oldest)
      return
    }
  }

  acked(user: string, channel: string): Promise<Position | undefined> {
    return this.#closed
      ? Promise.reject(new SluiceError('unavailable', 'the acknowledgements have been closed'))
      : Promise.resolve(this.#positions.get(keyOf(user, channel)))
  }

  healthy(): boolean {
    return !this.#closed
  }

  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }
}
