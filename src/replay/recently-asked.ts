/**
 * The positions that were given out for channels without a message, kept for at least the grace time after the channel
 * was last asked for, and at most twice as long. Pure: the time is given.
 *
 * Two generations instead of a time for each. Nearly all channels of a generation have one position, so of those only the name is kept.
 */
import { KeyedTable } from '../keyed-table.ts'
import type { Position } from '../protocol/position.ts'

interface Asked {
  readonly channel: string
  readonly position: Position
}

class Generation {
  /** Of those that are here by their names alone: the first that was given out. */
  #position: Position | undefined
  readonly #asked = new KeyedTable<string | Asked>((asked) =>
    typeof asked === 'string' ? asked : asked.channel,
  )

  get size(): number {
    return this.#asked.size
  }

  get(channel: string): Position | undefined {
    const asked = this.#asked.get(channel)
    return typeof asked === 'string' ? this.#position : asked?.position
  }

  set(channel: string, position: Position): void {
    this.#position ??= position
    this.#asked.set(position === this.#position ? channel : { channel, position })
  }

  delete(channel: string): boolean {
    return this.#asked.delete(channel)
  }
}

export class RecentlyAsked {
  readonly #graceMs: number
  #generation = new Generation()
  #before = new Generation()
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
    this.#generation = new Generation()
    this.#sinceMs = nowMs
  }

  clear(): void {
    this.#generation = new Generation()
    this.#before = new Generation()
  }
}
