/**
 * The waiting room for connection attempts over the rate. Bounded; those who resume go before newcomers, within a class
 * the first comes first. Nobody has a timer: all wait equally long, so whose time is up stands at the head.
 *
 * Every operation is O(1), because a herd is exactly when this is used.
 */

/** Mixed into whatever waits, so that waiting allocates nothing more. The links are the room's. */
export interface Waiter {
  readonly resume: boolean
  /** By the clock that the room's operations are given. */
  readonly sinceMs: number
  waiting: boolean
  ahead: Waiter | undefined
  behind: Waiter | undefined
}

/** One class: a doubly linked list from the longest waiting to the newest. */
class Line<W extends Waiter> {
  head: W | undefined
  tail: W | undefined
  length = 0

  append(waiter: W): void {
    waiter.waiting = true
    waiter.ahead = this.tail
    waiter.behind = undefined
    if (this.tail === undefined) this.head = waiter
    else this.tail.behind = waiter
    this.tail = waiter
    this.length++
  }

  remove(waiter: W): W {
    const { ahead, behind } = waiter
    if (ahead === undefined) this.head = behind as W | undefined
    else ahead.behind = behind
    if (behind === undefined) this.tail = ahead as W | undefined
    else behind.ahead = ahead
    waiter.waiting = false
    waiter.ahead = undefined
    waiter.behind = undefined
    this.length--
    return waiter
  }
}

export class WaitingRoom<W extends Waiter> {
  readonly #capacity: number
  readonly #timeoutMs: number
  readonly #resumes = new Line<W>()
  readonly #newcomers = new Line<W>()

  /** `timeoutMs` 0: nobody's time is ever up. */
  constructor(capacity: number, timeoutMs: number) {
    this.#capacity = capacity
    this.#timeoutMs = timeoutMs > 0 ? timeoutMs : Infinity
  }

  get length(): number {
    return this.#resumes.length + this.#newcomers.length
  }

  get resumes(): number {
    return this.#resumes.length
  }

  /**
   * Returns who has no place after that: nobody; `waiter` itself; or, where the room is full and `waiter` resumes, the
   * newest of the newcomers, whose place it takes.
   */
  enter(waiter: W): W | undefined {
    let displaced: W | undefined
    if (this.length >= this.#capacity) {
      const newest = this.#newcomers.tail
      if (!waiter.resume || newest === undefined) return waiter
      displaced = this.#newcomers.remove(newest)
    }
    this.#lineOf(waiter).append(waiter)
    return displaced
  }

  /** Takes out who is next: the first of those who resume, then, where newcomers are let in, the first of them. */
  next(newcomersToo: boolean): W | undefined {
    if (this.#resumes.head !== undefined) return this.#resumes.remove(this.#resumes.head)
    if (newcomersToo && this.#newcomers.head !== undefined)
      return this.#newcomers.remove(this.#newcomers.head)
    return undefined
  }

  /** Takes out one whose time is up, if there is any. */
  expired(nowMs: number): W | undefined {
    for (const line of [this.#resumes, this.#newcomers]) {
      const head = line.head
      if (head !== undefined && nowMs - head.sinceMs >= this.#timeoutMs) return line.remove(head)
    }
    return undefined
  }

  /** When the next one's time is up; `Infinity` where nobody's is. */
  get nextExpiryMs(): number {
    const resume = this.#resumes.head?.sinceMs ?? Infinity
    const newcomer = this.#newcomers.head?.sinceMs ?? Infinity
    return Math.min(resume, newcomer) + this.#timeoutMs
  }

  /** Takes out whoever it is. `false` where it does not wait (any more). */
  leave(waiter: W): boolean {
    if (!waiter.waiting) return false
    this.#lineOf(waiter).remove(waiter)
    return true
  }

  #lineOf(waiter: W): Line<W> {
    return waiter.resume ? this.#resumes : this.#newcomers
  }
}
