/**
 * What each user has and does on this node, over all connections and transports, and what he may. Pure: the time is given.
 *
 *  Q1 no more connections than `connections`; one that takes the place of another of the same session may come while
 *     that one is still there
 *  Q2 no more subscriptions than `subscriptions`
 *  Q3 no more publishes than `publishesPerSecond`, and twice as many at once after a pause
 *  Q4 who has gone leaves nothing behind, and who is only there costs nothing
 */
import { FULL_AT_MS, rateOf, take, untilMs, type Rate } from '../admission/bucket.ts'

/** 0: no limit. */
export interface QuotaLimits {
  readonly connections: number
  readonly subscriptions: number
  readonly publishesPerSecond: number
}

const BURST_SECONDS = 2

/** A number for each user. */
export interface CountsByUser {
  of(user: string): number
  add(user: string, count: number): void
  /** For tests: how many users it has an entry of its own for. */
  readonly size: number
}

/** Only of users who have one. */
export class CountsInTable implements CountsByUser {
  readonly #counts = new Map<string, number>()

  of(user: string): number {
    return this.#counts.get(user) ?? 0
  }

  add(user: string, count: number): void {
    const sum = this.of(user) + count
    if (sum === 0) this.#counts.delete(user)
    else this.#counts.set(user, sum)
  }

  get size(): number {
    return this.#counts.size
  }
}

export class UserQuotas {
  readonly #limits: QuotaLimits
  readonly #rate: Rate | undefined
  /** Connections that are on their way to a session. Those that have one are counted where they are: an idle user costs nothing here. */
  readonly #arriving = new CountsInTable()
  readonly #subscriptions: CountsByUser
  /** When each user's allowance will be full again. Who has not published for the time of a generation has a full one. */
  #publishes = new Map<string, number>()
  #before = new Map<string, number>()
  #sinceMs = -Infinity

  /** `subscriptions`: where they are counted, as long as the user is connected. */
  constructor(limits: QuotaLimits, subscriptions: CountsByUser = new CountsInTable()) {
    this.#limits = limits
    this.#subscriptions = subscriptions
    this.#rate = rateOf(limits.publishesPerSecond, limits.publishesPerSecond * BURST_SECONDS)
  }

  get limits(): QuotaLimits {
    return this.#limits
  }

  /** For tests: of how many users anything is known. */
  get size(): number {
    return this.#arriving.size + this.#subscriptions.size + this.#publishes.size + this.#before.size
  }

  arriving(user: string): number {
    return this.#arriving.of(user)
  }

  subscriptions(user: string): number {
    return this.#subscriptions.of(user)
  }

  /**
   * One more connection beside the `connected`, if it may be; to be told of by `arrived` when it is one of those, or has
   * failed. `replaces`: a session of this node that ends by it.
   */
  arrive(user: string, connected: number, replaces: boolean): boolean {
    const { connections } = this.#limits
    if (connections > 0 && !replaces && connected + this.arriving(user) >= connections) return false
    this.#arriving.add(user, 1)
    return true
  }

  arrived(user: string): void {
    this.#arriving.add(user, -1)
  }

  /** Whether so many more subscriptions may be. Between this and `subscribe` nothing may be waited for. */
  hasRoom(user: string, count: number): boolean {
    const { subscriptions } = this.#limits
    return subscriptions === 0 || this.subscriptions(user) + count <= subscriptions
  }

  /** One more, for which there was room. */
  subscribe(user: string): void {
    this.#subscriptions.add(user, 1)
  }

  unsubscribe(user: string): void {
    this.#subscriptions.add(user, -1)
  }

  /** Answers 0, or how long to wait. */
  publish(user: string, nowMs: number): number {
    const rate = this.#rate
    if (rate === undefined) return 0
    // Forwards or back: a generation from a time that means nothing is over.
    if (!(Math.abs(nowMs - this.#sinceMs) <= rate.capacityMs)) {
      this.#before = this.#publishes
      this.#publishes = new Map()
      this.#sinceMs = nowMs
    }
    const fullAtMs = this.#publishes.get(user) ?? this.#before.get(user) ?? FULL_AT_MS
    const next = take(fullAtMs, nowMs, 1, rate)
    if (next === undefined) return untilMs(fullAtMs, nowMs, 1, rate)
    this.#publishes.set(user, next)
    return 0
  }
}
