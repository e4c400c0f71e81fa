/**
 * The waiting room for connection attempts over the rate. Bounded; those who resume go before newcomers, but for a share of the
 * turns and of the places that is the newcomers' in any case; within a class the first comes first. Nobody has a timer: all wait
 * equally long, so whose time is up stands at the head.
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

/** Sums of a share such as 0.2 are a little off a whole number. */
const ROUNDING = 1e-9

export class WaitingRoom<W extends Waiter> {
  readonly #capacity: number
  readonly #newcomersShare: number
  /** Places that newcomers have in any case, and those that are left to who resumes. */
  readonly #newcomersPlaces: number
  readonly #timeoutMs: number
  readonly #resumes = new Line<W>()
  readonly #newcomers = new Line<W>()
  /** What is due to newcomers, in turns, for those who have gone before them. Below 1. */
  #due = 0

  /** `timeoutMs` 0: nobody's time is ever up. `newcomersShare`: of the turns and of the places, from 0 to 1. */
  constructor(capacity: number, timeoutMs: number, newcomersShare: number) {
    this.#capacity = capacity
    this.#newcomersShare = newcomersShare
    this.#newcomersPlaces = placesOf(capacity, newcomersShare)
    this.#timeoutMs = timeoutMs > 0 ? timeoutMs : Infinity
  }

  get length(): number {
    return this.#resumes.length + this.#newcomers.length
  }

  get resumes(): number {
    return this.#resumes.length
  }

  /**
   * Returns who has no place after that: nobody; `waiter` itself; or, where the room is full, the newest of the other class, whose
   * place it takes. Newcomers give up what is over their share of the places, and those who resume what they have of that share.
   */
  enter(waiter: W): W | undefined {
    let displaced: W | undefined
    if (this.length >= this.#capacity) {
      const isGivenPlace = waiter.resume
        ? this.#newcomers.length > this.#newcomersPlaces
        : this.#newcomers.length < this.#newcomersPlaces
      const newest = (waiter.resume ? this.#newcomers : this.#resumes).tail
      if (!isGivenPlace || newest === undefined) return waiter
      displaced = this.#lineOf(newest).remove(newest)
    }
    this.#lineOf(waiter).append(waiter)
    return displaced
  }

  /** Whether one who comes now may go in at once: nobody waits whose turn is before. `newcomersToo`: they are let in. */
  mayPass(resume: boolean, newcomersToo: boolean): boolean {
    if (!resume) return this.length === 0
    return this.#resumes.length === 0 && !(newcomersToo && this.#isNewcomersTurn())
  }

  /** One who resumes has gone in at once. */
  passed(newcomersToo: boolean): void {
    if (newcomersToo && this.#newcomers.length > 0) this.#due += this.#newcomersShare
  }

  /** Takes out who is next: one who resumes, or, where newcomers are let in, one of them whose turn it is. */
  next(newcomersToo: boolean): W | undefined {
    const { head } = this.#resumes
    const newcomer = newcomersToo ? this.#newcomers.head : undefined
    if (head === undefined) return newcomer === undefined ? undefined : this.#newcomers.remove(newcomer)
    if (newcomer === undefined) return this.#resumes.remove(head)
    const isNewcomersTurn = this.#isNewcomersTurn()
    this.#due += this.#newcomersShare - Number(isNewcomersTurn)
    return isNewcomersTurn ? this.#newcomers.remove(newcomer) : this.#resumes.remove(head)
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

  /** Of a turn that is either class's: the share of each such turn adds up. */
  #isNewcomersTurn(): boolean {
    return this.#newcomers.length > 0 && this.#due + this.#newcomersShare >= 1 - ROUNDING
  }

  #lineOf(waiter: W): Line<W> {
    return waiter.resume ? this.#resumes : this.#newcomers
  }
}

/** Neither class is without a place where both have a share: whoever has none is turned away for as long as others wait. */
function placesOf(capacity: number, share: number): number {
  const places = Math.round(capacity * share)
  if (share === 0 || share === 1 || capacity < 2) return places
  return Math.min(Math.max(places, 1), capacity - 1)
}
