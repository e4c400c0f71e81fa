/**
 * A drain, from the first word to the last connection. Pure: times are given, in milliseconds of a clock that never
 * jumps, and what is to be done is answered.
 *
 *   (waiting) ── deregister delay ──▶ (moving) ── nobody is left ──▶ (gone)
 *                                      ▲    │
 *                               resume │    │ pause
 *                                      └─ (paused)
 *   any but gone ── cancel ──▶ (cancelled)
 *
 * It keeps (test/property/drain.property.test.ts):
 *  D1 a connection is asked at most once, and closed only after it was asked and its time was up
 *  D2 a batch follows the last one no sooner than the pace allows, and not before everybody in that one has gone or its
 *     time is up; unless all are to go now
 *  D3 while the cluster does not take it well nobody is asked, and the reason is told; unless all are to go now
 *  D4 while paused, and once cancelled, nobody is asked and nobody is closed
 *  D5 it ends: whatever clients do, with a cluster that is well everybody has gone after a bounded time
 *  D6 with a limit no more are asked than that, and nobody is closed
 */
import { GapSamples, type Gaps } from './gaps.ts'
import { paceOf, type Pace, type Plan } from './pace.ts'

export type DrainState = 'waiting' | 'moving' | 'paused' | 'gone' | 'cancelled'

export interface DrainOptions {
  readonly plan: Plan
  /** For so long load balancers may still send connections here. */
  readonly deregisterMs: number
  /** How long after its own moment a client has for its move. */
  readonly graceMs: number
  /** So many are asked, and then it ends; who does not go may stay. Absent: everybody goes. */
  readonly limit?: number
}

/** Whether others can take more, and why not. */
export interface ClusterMood {
  readonly ok: boolean
  readonly reason: string
}

export interface DrainCounts {
  /** Connected at the start. */
  readonly total: number
  readonly told: number
  /** Came back at another node, by its own word. */
  readonly moved: number
  /** Did not move in time, and were closed. */
  readonly forced: number
}

export type DrainDecision =
  /** Ask so many who were not asked yet, each at its own moment within the window; answer with `asked` for each. */
  | { readonly kind: 'ask'; readonly count: number; readonly windowMs: number }
  | { readonly kind: 'close'; readonly id: string }
  | { readonly kind: 'done' }

/** Who is sent away in a hurry is still spread over this time. */
const NOW_WINDOW_MS = 2000
/** A client's moment lies in this part of the interval, so that most have moved when the next batch is due. */
const WINDOW_SHARE = 0.8

/** Who has left is remembered for a while, because the word that another node has him may come later. */
const DEPARTED_MAX = 50_000

export class DrainCore {
  readonly #graceMs: number
  #limit: number | undefined
  readonly #openAtMs: number
  readonly #startedMs: number
  readonly #total: number
  /** Asked and still here: until when they have time. */
  readonly #asked = new Map<string, number>()
  readonly #departed = new Set<string>()
  readonly #gaps = new GapSamples()
  #pace: Pace
  #plan: Plan
  #state: DrainState = 'waiting'
  #holding: string | undefined
  #batchAtMs = Number.NEGATIVE_INFINITY
  /** How long after the one before the last batch went; 0 where that says nothing about the next. */
  #cycleMs = 0
  /** Since the last batch nothing has come between: neither a pause nor another plan. */
  #steady = false
  #windowMs = 0
  /** When the last of those who were asked is out of time. */
  #lastUntilMs = 0
  #now = false
  #told = 0
  #moved = 0
  #forced = 0

  constructor({ plan, deregisterMs, graceMs, limit }: DrainOptions, connections: number, nowMs: number) {
    this.#limit = limit
    this.#plan = plan
    this.#graceMs = graceMs
    this.#total = limit === undefined ? connections : Math.min(limit, connections)
    this.#pace = paceOf(plan, this.#total)
    this.#startedMs = nowMs
    this.#openAtMs = nowMs + deregisterMs
  }

  get state(): DrainState {
    return this.#state
  }

  get plan(): Plan {
    return this.#plan
  }

  /** Why nobody is asked now, where somebody would be. */
  get holding(): string | undefined {
    return this.#holding
  }

  get startedMs(): number {
    return this.#startedMs
  }

  get counts(): DrainCounts {
    return { total: this.#total, told: this.#told, moved: this.#moved, forced: this.#forced }
  }

  /** Of so many who are connected, how many are still to go. */
  remaining(connections: number): number {
    if (this.#limit === undefined) return connections
    return Math.min(connections, this.#limit - this.#told + this.#asked.size)
  }

  /**
   * In how many milliseconds all who are to go will have gone, if the batches go on like the last one; `undefined` where
   * nothing moves.
   */
  estimateMs(nowMs: number, connections: number): number | undefined {
    const under = this.#state === 'waiting' || this.#state === 'moving'
    if (!under || this.#holding !== undefined) return undefined
    const unasked = Math.max(0, this.remaining(connections) - this.#asked.size)
    if (unasked === 0) {
      // Most move within the window. Who has not by then may take the whole of his time.
      const windowEndMs = this.#batchAtMs + this.#windowMs
      return Math.max(0, (nowMs < windowEndMs ? windowEndMs : this.#lastUntilMs) - nowMs)
    }
    if (this.#now) return NOW_WINDOW_MS
    const { batch, everyMs } = this.#pace
    const cycleMs = Math.max(everyMs, this.#cycleMs)
    const nextMs = Math.max(
      nowMs,
      this.#batchAtMs + cycleMs,
      this.#state === 'waiting' ? this.#openAtMs : nowMs,
    )
    return nextMs - nowMs + (Math.ceil(unasked / batch) - 1) * cycleMs + everyMs * WINDOW_SHARE
  }

  /** Called again and again. `connections`: how many are connected here now. */
  tick(nowMs: number, connections: number, mood: ClusterMood): DrainDecision[] {
    this.#holding = undefined
    if (this.#state === 'waiting' && (nowMs >= this.#openAtMs || this.#now)) this.#state = 'moving'
    if (this.#state !== 'moving') return []
    const decisions = this.#overdue(nowMs)
    const left = this.#limit === undefined ? Infinity : this.#limit - this.#told
    if (connections === 0 || (left <= 0 && this.#asked.size === 0)) {
      this.#state = 'gone'
      return [...decisions, { kind: 'done' }]
    }
    const waiting = Math.min(connections - this.#asked.size, left)
    if (waiting <= 0) return decisions
    if (this.#now) {
      return [...decisions, this.#batch(nowMs, waiting, NOW_WINDOW_MS)]
    }
    if (this.#asked.size > 0 || nowMs < this.#batchAtMs + this.#pace.everyMs) return decisions
    if (!mood.ok) {
      this.#holding = mood.reason
      return decisions
    }
    const { batch, everyMs } = this.#pace
    this.#cycleMs = this.#steady ? nowMs - this.#batchAtMs : 0
    this.#steady = true
    return [...decisions, this.#batch(nowMs, Math.min(batch, waiting), everyMs * WINDOW_SHARE)]
  }

  /** One was asked to leave after `delayMs`. Answers how long it has for that, in milliseconds from now. */
  asked(id: string, delayMs: number, nowMs: number): number {
    const forMs = delayMs + this.#graceMs
    if (!this.#asked.has(id)) {
      this.#asked.set(id, nowMs + forMs)
      this.#lastUntilMs = Math.max(this.#lastUntilMs, nowMs + forMs)
      this.#told++
    }
    return forMs
  }

  /**
   * Not asked yet. Where everybody goes, one who was asked, has left and is back may be asked again, since he would keep
   * the node from becoming empty; where a part goes, he and who chose to stay are left alone.
   */
  mayAsk(id: string): boolean {
    return !this.#asked.has(id) && (this.#limit === undefined || !this.#departed.has(id))
  }

  /** There is nobody here who may be asked: a drain of a part has reached whom it could. */
  noneLeft(): void {
    if (this.#limit !== undefined) this.#limit = this.#told
  }

  /**
   * Another node has it, after so long without a connection. Answers whether its connection here was asked to go and is
   * not gone yet.
   */
  confirm(id: string, gapMs: number): boolean {
    const here = this.#asked.delete(id)
    if (here || this.#departed.delete(id)) {
      this.#moved++
      this.#gaps.add(gapMs)
    }
    return here
  }

  /** `undefined`: nobody has moved yet. */
  get gaps(): Gaps | undefined {
    return this.#gaps.summary
  }

  /** Its connection here has ended. */
  gone(id: string): void {
    if (this.#asked.delete(id)) this.#remember(id)
  }

  pause(): void {
    if (this.#state !== 'moving' && this.#state !== 'waiting') return
    this.#state = 'paused'
    this.#steady = false
    this.#cycleMs = 0
  }

  resume(nowMs: number): void {
    if (this.#state === 'paused') this.#state = nowMs >= this.#openAtMs ? 'moving' : 'waiting'
  }

  setPlan(plan: Plan): void {
    this.#plan = plan
    this.#pace = paceOf(plan, this.#total)
    this.#steady = false
    this.#cycleMs = 0
  }

  finishNow(): void {
    this.#now = true
    if (this.#state === 'paused') this.#state = 'moving'
  }

  cancel(): void {
    if (this.#state !== 'gone') this.#state = 'cancelled'
  }

  #batch(nowMs: number, count: number, windowMs: number): DrainDecision {
    this.#batchAtMs = nowMs
    this.#windowMs = windowMs
    return { kind: 'ask', count, windowMs }
  }

  #overdue(nowMs: number): DrainDecision[] {
    const decisions: DrainDecision[] = []
    for (const [id, untilMs] of this.#asked) {
      if (nowMs < untilMs) continue
      this.#asked.delete(id)
      this.#remember(id)
      if (this.#limit !== undefined) continue
      this.#forced++
      decisions.push({ kind: 'close', id })
    }
    return decisions
  }

  #remember(id: string): void {
    this.#departed.add(id)
    if (this.#departed.size <= DEPARTED_MAX) return
    for (const oldest of this.#departed) {
      this.#departed.delete(oldest)
      return
    }
  }
}
