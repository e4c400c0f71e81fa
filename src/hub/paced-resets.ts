/**
 * The resets of everybody on a channel. Each client has a delay of its own, and a text is made for so many of them at most,
 * however many clients there are.
 *
 * It keeps (test/unit/hub/paced-resets.test.ts):
 *  P1 each delay is at least 0 and less than the spread, and of many clients each part of the spread has its share
 *  P2 no more texts are made than there are steps
 *  P3 who alone is reset has no delay; who comes back with a position of a lost log, or one of many who do, has one
 */
import type { Clock } from '../clock.ts'
import { EncodedReset } from '../protocol/encoded-reset.ts'
import type { Reset } from '../protocol/form.ts'
import type { ResetReason } from '../protocol/position.ts'

/** With 10 s, those who share a text come 100 ms after the ones before. */
export const STEPS = 100

export class PacedResets {
  readonly #lost: Omit<Reset, 'delayMs'>
  readonly #spreadMs: number
  readonly #clock: Pick<Clock, 'random'>
  readonly #byStep: (EncodedReset | undefined)[] = []

  constructor(lost: Omit<Reset, 'delayMs'>, spreadMs: number, clock: Pick<Clock, 'random'>) {
    this.#lost = lost
    this.#spreadMs = spreadMs
    this.#clock = clock
  }

  /** For one client. */
  draw(): EncodedReset {
    const step = Math.floor(this.#clock.random() * STEPS)
    return (this.#byStep[step] ??= new EncodedReset({ ...this.#lost, delayMs: this.#delayMs(step) }))
  }

  #delayMs(step: number): number {
    return Math.floor(((step + this.#clock.random()) / STEPS) * this.#spreadMs)
  }
}

/** So many may come back with positions of another epoch within the spread without being many. */
const ALONE_MAX = 10

/** Whether a client's own reset is one of many: then he is told a moment, as the others are. Times are given. */
export class Losses {
  readonly #spreadMs: number
  #lostAtMs = Number.NEGATIVE_INFINITY
  #since = Number.NEGATIVE_INFINITY
  #count = 0

  constructor(spreadMs: number) {
    this.#spreadMs = spreadMs
  }

  /** A channel has lost something for all who are on it. */
  lost(nowMs: number): void {
    this.#lostAtMs = nowMs
  }

  /** One is reset by himself. Answers the time over which his delay is drawn. */
  own(reason: ResetReason, nowMs: number): number {
    // The others tell of a client that was away for too long.
    if (reason !== 'epoch') return 0
    if (nowMs - this.#since >= this.#spreadMs) {
      this.#since = nowMs
      this.#count = 0
    }
    this.#count++
    const many = nowMs - this.#lostAtMs < this.#spreadMs || this.#count > ALONE_MAX
    return many ? this.#spreadMs : 0
  }
}
