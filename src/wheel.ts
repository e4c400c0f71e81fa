/**
 * One timer for many deadlines: heartbeats, expiries and re-authentications of all connections.
 *
 * A Node timeout per connection costs some 200 bytes and a heap operation. Here a deadline is a slot in an array:
 * scheduling and cancelling are O(1), and a due deadline fires at most one tick late.
 */
import type { Clock, Timer } from './clock.ts'
import type { Caught } from './errors.ts'

/** Something with one deadline. Mixed into the object that waits, so that a deadline allocates nothing. */
export interface WheelEntry {
  /** Owned by the wheel. `-1`: not scheduled. */
  wheelSlot: number
  wheelIndex: number
  /** The wheel's tick at which it is due; may be several turns of the wheel away. */
  wheelTick: number
  due(): void
  /** `due` has thrown: what waits is in no state to go on, and ends. */
  abandon(): void
}

const SLOTS = 4096

export class Wheel {
  readonly #slots: WheelEntry[][] = Array.from({ length: SLOTS }, () => [])
  readonly #tickMs: number
  readonly #clock: Clock
  readonly #startedMs: number
  readonly #timer: Timer
  readonly #caught: Caught
  /** The last tick that was handled. */
  #tick = 0

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
    const index = tick % SLOTS
    const slot = this.#slots[index] as WheelEntry[]
    item.wheelTick = tick
    item.wheelSlot = index
    item.wheelIndex = slot.length
    slot.push(item)
  }

  cancel(item: WheelEntry): void {
    if (item.wheelSlot === -1) return
    const slot = this.#slots[item.wheelSlot] as WheelEntry[]
    const last = slot.pop() as WheelEntry
    if (last !== item) {
      slot[item.wheelIndex] = last
      last.wheelIndex = item.wheelIndex
    }
    item.wheelSlot = -1
  }

  /** Fires what is due. Called by the wheel's own timer; tests call it after moving their clock. */
  advance(): void {
    const now = Math.floor((this.#clock.monotonicMs() - this.#startedMs) / this.#tickMs)
    // After a long stall every slot is due once at most, so the catch-up is bounded by one turn.
    const first = Math.max(this.#tick + 1, now - SLOTS + 1)
    for (let tick = first; tick <= now; tick++) {
      this.#tick = tick
      const slot = this.#slots[tick % SLOTS] as WheelEntry[]
      for (let i = slot.length - 1; i >= 0; i--) {
        const item = slot[i]
        if (item === undefined || item.wheelTick > now) continue
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
