/**
 * The ids of recent messages and where the first message of each is. Two generations: a new id goes into the young one,
 * and when that is old or full it replaces the old one, which goes as a whole. So nothing is paid per id that expires.
 */

interface Seen {
  readonly offset: number
  readonly untilMs: number
}

export class RecentIds {
  readonly #perGeneration: number
  #young = new Map<string, Seen>()
  #old = new Map<string, Seen>()
  #youngUntilMs = 0
  #oldUntilMs = 0

  /** At least half of `max` ids are remembered, at most `max`. */
  constructor(max: number) {
    this.#perGeneration = Math.max(Math.ceil(max / 2), 1)
  }

  find(id: string, nowMs: number): number | undefined {
    const seen = this.#young.get(id) ?? this.#old.get(id)
    return seen !== undefined && seen.untilMs > nowMs ? seen.offset : undefined
  }

  add(id: string, offset: number, windowMs: number, nowMs: number): void {
    if (this.#young.size >= this.#perGeneration || this.#oldUntilMs <= nowMs) {
      this.#old = this.#young
      this.#oldUntilMs = this.#youngUntilMs
      this.#young = new Map()
      this.#youngUntilMs = 0
    }
    const untilMs = nowMs + windowMs
    this.#young.set(id, { offset, untilMs })
    this.#youngUntilMs = Math.max(this.#youngUntilMs, untilMs)
  }

  expired(nowMs: number): boolean {
    return this.#youngUntilMs <= nowMs && this.#oldUntilMs <= nowMs
  }
}
