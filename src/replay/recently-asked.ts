/**
 * The positions that were given out for channels without a message, kept for at least the grace time after the channel
 * was last asked for, and at most twice as long. Pure: the time is given.
 *
 * Two generations instead of a time for each: all channels share a few positions, so an entry is one slot of a map.
 */
import type { Position } from '../protocol/position.ts'

export class RecentlyAsked {
  readonly #graceMs: number
  #generation = new Map<string, Position>()
  #before = new Map<string, Position>()
  #sinceMs: number

  constructor(nowMs: number, graceMs: number) {
    this.#sinceMs = nowMs
    this.#graceMs = graceMs
  }

  get size(): number {
    return this.#generation.size + this.#before.size
  }

  /** The position that was given out for the channel, or from now on `position`. */
  remember(channel: string, position: Position): Position {
    const known = this.#generation.get(channel)
    if (known !== undefined) return known
    const given = this.take(channel) ?? position
    this.#generation.set(channel, given)
    return given
  }

  take(channel: string): Position | undefined {
    const known = this.#generation.get(channel) ?? this.#before.get(channel)
    if (known !== undefined && !this.#generation.delete(channel)) this.#before.delete(channel)
    return known
  }

  /** To be called often: what is too old goes with the first call after its time. */
  forgetOld(nowMs: number): void {
    if (nowMs - this.#sinceMs <= this.#graceMs) return
    this.#before = this.#generation
    this.#generation = new Map()
    this.#sinceMs = nowMs
  }

  clear(): void {
    this.#generation.clear()
    this.#before.clear()
  }
}
