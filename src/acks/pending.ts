/**
 * Acknowledgements that are to be written: of each key the furthest, of no more keys than fit. Pure.
 */
import { isFurther } from './order.ts'
import type { Position } from '../protocol/position.ts'

export class PendingAcks {
  readonly #max: number
  /** The one that has waited longest is the first. */
  readonly #positions = new Map<string, Position>()

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#positions.size
  }

  get(key: string): Position | undefined {
    return this.#positions.get(key)
  }

  /** False: the one that had waited longest had to go. */
  add(key: string, position: Position): boolean {
    const waiting = this.#positions.get(key)
    if (waiting !== undefined) {
      if (isFurther(position, waiting)) this.#positions.set(key, position)
      return true
    }
    this.#positions.set(key, position)
    if (this.#positions.size <= this.#max) return true
    for (const oldest of this.#positions.keys()) {
      this.#positions.delete(oldest)
      break
    }
    return false
  }

  /** All that wait now; they stay until they are `written`. */
  all(): [key: string, position: Position][] {
    return [...this.#positions]
  }

  /** A further one may have come meanwhile, and stays. */
  written(key: string, position: Position): void {
    if (this.#positions.get(key) === position) this.#positions.delete(key)
  }

  clear(): void {
    this.#positions.clear()
  }
}
