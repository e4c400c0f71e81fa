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

export class UserQuotas {
  readonly #limits: QuotaLimits
  readonly #rate: Rate | undefined
  /** Connections that are on their way to a session. Those that have one are counted where they are: an idle user costs nothing here. */
  readonly #arriving = new Map<string, number>()
  readonly #subscriptions = new Map<string, number>()
  /** When each user's allowance will be full again. Who has not published for the time of a generation has a full one. */
  #publishes = new Map<string, number>()
  #before = new Map<string, number>()
  #sinceMs = -Infinity

  constructor(limits: QuotaLimits) {
    this.#limits = limits
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
    return this.#arriving.get(user) ?? 0
  }

  subscriptions(user: string): number {
    return this.#subscriptions.get(user) ?? 0
  }

  /**
   * One more connection beside the `connected`, if it may be; to be told of by `arrived` when it is one of those, or has
   * failed. `replaces`: a session of this node that ends by it.
   */
  arrive(user: string, connected: number, replaces: boolean): boolean {
    const { connections } = this.#limits
    if (connections > 0 && !replaces && connected + this.arriving(user) >= connections) return false
    add(this.#arriving, user, 1)
    return true
  }

  arrived(user: string): void {
    add(this.#arriving, user, -1)
  }

  /** Whether so many more subscriptions may be. Between this and `subscribe` nothing may be waited for. */
  hasRoom(user: string, count: number): boolean {
    const { subscriptions } = this.#limits
    return subscriptions === 0 || this.subscriptions(user) + count <= subscriptions
  }

  /** One more, for which there was room. */
  subscribe(user: string): void {
    add(this.#subscriptions, user, 1)
  }

  unsubscribe(user: string): void {
    add(this.#subscriptions, user, -1)
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

function add(counts: Map<string, number>, user: string, count: number): void {
  const sum = (counts.get(user) ?? 0) + count
  if (sum === 0) counts.delete(user)
  else counts.set(user, sum)
}
