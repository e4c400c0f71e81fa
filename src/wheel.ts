/**
 * One timer for many deadlines: heartbeats, expiries and re-authentications of all connections.
 *
 * A Node timeout per connection costs some 200 bytes and a heap operation. Here a deadline is a place in one of many lists:
 * scheduling and cancelling are O(1), and a due deadline fires at most one tick late.
 */
import type { Clock, Timer } from './clock.ts'
import type { Caught } from './errors.ts'

/** Something with one deadline. Mixed into the object that waits, so that a deadline allocates nothing. */
export interface WheelEntry {
  /** Owned by the wheel: the tick at which it is due, which may be several turns of the wheel away. `-1`: not scheduled. */
  wheelTick: number
  /** Those before and behind it in its slot. A slot is a list through its entries: an array for each would be some 100 bytes more. */
  wheelBefore: WheelEntry | undefined
  wheelBehind: WheelEntry | undefined
  due(): void
  /** `due` has thrown: what waits is in no state to go on, and ends. */
  abandon(): void
}

const SLOTS = 4096

export class Wheel {
  /** The first of each slot. */
  readonly #slots: (WheelEntry | undefined)[] = Array.from({ length: SLOTS })
  readonly #tickMs: number
  readonly #clock: Clock
  readonly #startedMs: number
  readonly #timer: Timer
  readonly #caught: Caught
  /** The last tick that was handled. */
  #tick = 0
  /** Of the slot that is being fired: who comes next. */
  #next: WheelEntry | undefined

  constructor(clock: Clock, tickMs: number, caught: Caught) {
    this.#clock = clock
    this.#caught = caught
    this.#tickMs = tickMs
    this.#startedMs = clock.monotonicMs()
    this.#timer = clock.every(tickMs, () => this.advance())
  }

  /** Replaces an earlier deadline of the same object. */
  schedule(item: WheelEntry, delayMs: number): void {
    this.cancel(item)
    const elapsedMs = this.#clock.monotonicMs() - this.#startedMs
    const tick = Math.max(Math.ceil((elapsedMs + delayMs) / this.#tickMs), this.#tick + 1)
    const first = this.#slots[tick % SLOTS]
    item.wheelTick = tick
    item.wheelBehind = first
    if (first !== undefined) first.wheelBefore = item
    this.#slots[tick % SLOTS] = item
  }

  cancel(item: WheelEntry): void {
    if (item.wheelTick === -1) return
    const { wheelBefore, wheelBehind } = item
    if (wheelBefore === undefined) this.#slots[item.wheelTick % SLOTS] = wheelBehind
    else wheelBefore.wheelBehind = wheelBehind
    if (wheelBehind !== undefined) wheelBehind.wheelBefore = wheelBefore
    // What is fired may cancel the one that would be next.
    if (this.#next === item) this.#next = wheelBehind
    item.wheelTick = -1
    item.wheelBefore = item.wheelBehind = undefined
  }

  /** Fires what is due. Called by the wheel's own timer; tests call it after moving their clock. */
  advance(): void {
    const now = Math.floor((this.#clock.monotonicMs() - this.#startedMs) / this.#tickMs)
    // After a long stall every slot is due once at most, so the catch-up is bounded by one turn.
    const first = Math.max(this.#tick + 1, now - SLOTS + 1)
    for (let tick = first; tick <= now; tick++) {
      this.#tick = tick
      for (let item = this.#slots[tick % SLOTS]; item !== undefined; item = this.#next) {
        this.#next = item.wheelBehind
        if (item.wheelTick > now) continue
        this.cancel(item)
        this.#fire(item)
      }
    }
  }

  /** One that fails is no reason for the others to wait. */
  #fire(item: WheelEntry): void {
    try {
      item.due()
    } catch (error) {
      this.#caught('deadline', error)
      try {
        item.abandon()
      } catch (again) {
        this.#caught('deadline', again)
      }
    }
  }

  close(): void {
    this.#timer.cancel()
  }
}
