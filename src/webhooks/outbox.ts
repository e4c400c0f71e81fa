/**
 * What one backend is still to be told, and what of it is told now. Pure: times are given.
 *
 *  Q1 what is of one lane (a channel) is told in its order: the next one only once the one before is settled
 *  Q2 everything that is wanted is settled: it was taken, or was given up after `giveUpMs`; a lane that is refused holds up no other
 *  Q3 no more than `underWayMax` requests are under way, with at most `batchMax` each; where the backend refuses, they get smaller and rarer
 *  Q4 all up to the cursor is settled, and the cursor gets to the end once everything is
 */

export interface OutboxOptions {
  readonly batchMax: number
  readonly underWayMax: number
  /** So long after its first failure a thing is given up. */
  readonly giveUpMs: number
  readonly retryMinMs: number
  readonly retryMaxMs: number
  /** So much is held in memory; the rest waits in the journal. */
  readonly windowMax: number
}

export interface Waiting<T> {
  readonly what: T
  readonly lane: string
  readonly attempts: number
}

interface Kept<T> {
  readonly place: string
  readonly lane: string
  /** `undefined`: it is not for this backend. */
  readonly what: T | undefined
  readonly addedMs: number
  state: 'waiting' | 'under way' | 'settled'
  attempts: number
  failedSinceMs: number | undefined
}

export type Batch<T> = readonly Waiting<T>[]

export class Outbox<T> {
  readonly #options: OutboxOptions
  #kept: Kept<T>[] = []
  #cursor: string
  #batchMax: number
  #underWay = 0
  readonly #busyLanes = new Set<string>()
  /** The lanes of which something was refused by itself: when each may be tried again. */
  readonly #suspects = new Map<string, number>()
  /** The last request was for one of them. */
  #suspectsTurn = true
  #restsUntilMs = -Infinity
  #failures = 0
  #failingSinceMs: number | undefined

  constructor(cursor: string, options: OutboxOptions) {
    this.#cursor = cursor
    this.#options = options
    this.#batchMax = options.batchMax
  }

  /** How many more may be added. */
  get room(): number {
    return this.#options.windowMax - this.#kept.length
  }

  get cursor(): string {
    return this.#cursor
  }

  /** How many wait or are under way. */
  get waiting(): number {
    return this.#kept.reduce((count, { state }) => count + (state === 'settled' ? 0 : 1), 0)
  }

  /** `what` undefined: it is not for this backend, and only moves the cursor. */
  add(place: string, lane: string, what: T | undefined, nowMs: number): void {
    const state = what === undefined ? 'settled' : 'waiting'
    this.#kept.push({ place, lane, what, addedMs: nowMs, state, attempts: 0, failedSinceMs: undefined })
    this.#moveCursor()
  }

  /** What is to be told now, in one request; empty: nothing. It is `taken` or `refused` later. */
  next(nowMs: number): Batch<T> {
    if (this.#underWay >= this.#options.underWayMax || nowMs < this.#restsUntilMs) return []
    // Where the backend refuses everything it is asked with one thing at a time.
    if (this.#failures > 1 && this.#underWay > 0) return []
    const batch = this.#pick(nowMs)
    for (const one of batch) {
      one.state = 'under way'
      this.#busyLanes.add(one.lane)
    }
    if (batch.length > 0) this.#underWay++
    return batch as Batch<T>
  }

  /** What was refused by itself goes by itself, in turn with all else. */
  #pick(nowMs: number): Kept<T>[] {
    const batch: Kept<T>[] = []
    const seen = new Set<string>()
    let suspect: Kept<T> | undefined
    let sinceMs = Infinity
    for (const one of this.#kept) {
      if (batch.length === this.#batchMax) break
      if (one.state !== 'waiting' || this.#busyLanes.has(one.lane)) continue
      const restsUntilMs = this.#suspects.get(one.lane)
      if (restsUntilMs === undefined) batch.push(one)
      // The first of its lane, and of those the one that has waited longest.
      else if (!seen.has(one.lane) && restsUntilMs <= nowMs && restsUntilMs < sinceMs) {
        suspect = one
        sinceMs = restsUntilMs
      }
      seen.add(one.lane)
    }
    this.#suspectsTurn = suspect !== undefined && (batch.length === 0 || !this.#suspectsTurn)
    return suspect !== undefined && this.#suspectsTurn ? [suspect] : batch
  }

  taken(batch: Batch<T>): void {
    this.#back(batch)
    for (const one of batch as readonly Kept<T>[]) {
      one.state = 'settled'
      this.#suspects.delete(one.lane)
    }
    this.#failures = 0
    this.#failingSinceMs = undefined
    this.#batchMax = Math.min(this.#options.batchMax, this.#batchMax * 2)
    this.#moveCursor()
  }

  /** Answers what is given up with it. `restMs`: the backend asks for a pause. */
  refused(batch: Batch<T>, nowMs: number, restMs = 0): readonly Waiting<T>[] {
    const { giveUpMs } = this.#options
    this.#back(batch)
    const [first] = batch as readonly Kept<T>[]
    // That one lane is refused again says nothing of the backend, where that takes all else.
    if (this.#failures > 0 || first === undefined || !this.#suspects.has(first.lane)) {
      this.#failures++
      this.#failingSinceMs ??= nowMs
      this.#restsUntilMs = nowMs + this.#pauseMs(this.#failures)
    }
    this.#restsUntilMs = Math.max(this.#restsUntilMs, nowMs + restMs)
    const given: Kept<T>[] = []
    for (const one of batch as readonly Kept<T>[]) {
      one.state = 'waiting'
      one.attempts++
      one.failedSinceMs ??= nowMs
      if (nowMs - one.failedSinceMs >= giveUpMs) given.push(one)
    }
    // Which of several it refuses is not known: the next requests are smaller.
    if (batch.length > 1) this.#batchMax = Math.ceil(batch.length / 2)
    else if (first !== undefined) this.#suspects.set(first.lane, nowMs + this.#pauseMs(first.attempts))
    // A backend that has refused everything for so long is not asked about each single thing.
    if (this.#failingSinceMs !== undefined && nowMs - this.#failingSinceMs >= giveUpMs) {
      for (const one of this.#kept)
        if (one.state === 'waiting' && !given.includes(one) && nowMs - one.addedMs >= giveUpMs)
          given.push(one)
    }
    for (const one of given) {
      one.state = 'settled'
      this.#suspects.delete(one.lane)
    }
    this.#moveCursor()
    return given as unknown as readonly Waiting<T>[]
  }

  #back(batch: Batch<T>): void {
    this.#underWay--
    for (const { lane } of batch) this.#busyLanes.delete(lane)
  }

  #pauseMs(attempts: number): number {
    const { retryMinMs, retryMaxMs } = this.#options
    return Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(attempts - 1, 30))
  }

  #moveCursor(): void {
    let settled = 0
    while (this.#kept[settled]?.state === 'settled') settled++
    if (settled === 0) return
    this.#cursor = (this.#kept[settled - 1] as Kept<T>).place
    this.#kept.splice(0, settled)
  }
}
