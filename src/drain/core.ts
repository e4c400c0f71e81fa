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
 * It keeps (test/property/drain.property.test.ts, drain-together.property.test.ts):
 *  D1 a connection is asked at most once, and closed only after it was asked and its time was up
 *  D2 a batch follows the last one no sooner than the pace allows, and not before everybody in that one has gone or its
 *     time is up; unless all are to go now
 *  D3 while the cluster does not take it well nobody is asked, and the reason is told; unless all are to go now
 *  D4 while paused, and once cancelled, nobody is asked and nobody is closed
 *  D5 it ends: whatever clients do, with a cluster that is well everybody has gone after a bounded time; and where it may
 *     end alone, also when there is no cluster any more
 *  D6 with a limit no more leave than that, and nobody is closed; in the place of one who is asked and stays another is asked
 *  D7 of whom was told, everybody is still here, has moved or is unseen; who is heard of elsewhere within `returnMs` of
 *     leaving has moved, also where he was the last
 */
import { paceOf, type Pace, type Plan } from './pace.ts'
import { Tally, type TransportCounts } from './tally.ts'
import type { Transport } from '../hub/outlet.ts'

export type DrainState = 'waiting' | 'moving' | 'paused' | 'gone' | 'cancelled'

export interface DrainOptions {
  readonly plan: Plan
  /** For so long load balancers may still send connections here. */
  readonly deregisterMs: number
  /** How long after its own moment a client has for its move. */
  readonly graceMs: number
  /** Who leaves before another node has him is heard of within this time, if he comes back at all. */
  readonly returnMs: number
  /** So many go, and then it ends; who does not want to may stay. Absent: everybody goes. */
  readonly limit?: number
}

/** Whether others can take more, and why not. */
export interface ClusterMood {
  readonly ok: boolean
  readonly reason: string
  /** There is no other node that takes clients, and none is starting. */
  readonly alone?: true
}

interface Client {
  readonly transport: Transport
  readonly untilMs: number
  leftMs: number
}

/** What another node says of one who is there now. */
export interface Arrived {
  /** Without a connection for so long; `undefined`: since he has left. */
  readonly gapMs: number | undefined
  /** Every channel went on where it was. */
  readonly recovered: boolean
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

/** Who has left is remembered for a while, because the word that another node has him may come later; and so is who has moved. */
const REMEMBERED_MAX = 50_000
const NOT_BACK = 'the last to leave are not back yet'

export class DrainCore {
  readonly #graceMs: number
  readonly #returnMs: number
  #limit: number | undefined
  readonly #openAtMs: number
  readonly #startedMs: number
  #total: number
  /** Asked and still here. */
  readonly #asked = new Map<string, Client>()
  /** Left, and not heard of. */
  readonly #departed = new Map<string, Client>()
  /** Asked, out of time, and still here: where a part goes, who does not want to may stay. */
  readonly #stayed = new Map<string, Client>()
  /** Moved: whether the connection here was still open when the other began. */
  readonly #arrived = new Map<string, { readonly transport: Transport; readonly overlap: boolean }>()
  readonly #tally = new Tally()
  #pace: Pace
  #plan: Plan
  #state: DrainState = 'waiting'
  #moved = false
  #confirmed = 0
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
  /** Without any other node for so long, there is nobody to wait for. */
  #aloneMs = Number.POSITIVE_INFINITY
  #aloneSinceMs: number | undefined
  #lastLeftMs = 0

  constructor(
    { plan, deregisterMs, graceMs, returnMs, limit }: DrainOptions,
    connections: number,
    nowMs: number,
  ) {
    this.#limit = limit
    this.#returnMs = returnMs
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

  /** So many of those who were connected when moving began are to go. */
  get total(): number {
    return this.#total
  }

  /** So many other nodes have. */
  get confirmed(): number {
    return this.#confirmed
  }

  get counts(): TransportCounts {
    return this.#tally.all
  }

  get byTransport(): Tally['byTransport'] {
    return this.#tally.byTransport
  }

  /** Of so many who are connected, how many are still to go. */
  remaining(connections: number): number {
    if (this.#limit === undefined) return connections
    return Math.min(connections, this.#unaskedOf(this.#limit) + this.#asked.size)
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
    // Who has not moved within the window may take the whole of his time, and the next batch waits for him.
    const late = this.#asked.size > 0 && nowMs >= this.#batchAtMs + this.#windowMs
    const nextMs = Math.max(
      nowMs,
      this.#batchAtMs + cycleMs,
      this.#state === 'waiting' ? this.#openAtMs : nowMs,
      late ? this.#lastUntilMs : nowMs,
    )
    return nextMs - nowMs + (Math.ceil(unasked / batch) - 1) * cycleMs + everyMs * WINDOW_SHARE
  }

  /** Called again and again. `connections`: how many are connected here now. */
  tick(nowMs: number, connections: number, mood: ClusterMood): DrainDecision[] {
    this.#holding = undefined
    if (this.#leftAlone(nowMs, mood.alone === true)) {
      this.#state = 'gone'
      return [{ kind: 'done' }]
    }
    if (this.#state === 'waiting' && (nowMs >= this.#openAtMs || this.#now)) this.#move(connections)
    if (this.#state !== 'moving') return []
    const decisions = this.#overdue(nowMs)
    const left = this.#limit === undefined ? Infinity : this.#unaskedOf(this.#limit)
    if (connections === 0 || (left <= 0 && this.#asked.size === 0)) {
      if (this.#departed.size > 0 && nowMs < this.#lastLeftMs + this.#returnMs) {
        this.#holding = NOT_BACK
        return decisions
      }
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
  asked(id: string, transport: Transport, delayMs: number, nowMs: number): number {
    const forMs = delayMs + this.#graceMs
    if (this.#asked.has(id)) return forMs
    const untilMs = nowMs + forMs
    this.#asked.set(id, { transport, untilMs, leftMs: untilMs })
    this.#lastUntilMs = Math.max(this.#lastUntilMs, untilMs)
    // Who had left and is back has been told already.
    if (this.#departed.delete(id)) this.#tally.add(transport, 'unseen', -1)
    else {
      this.#told++
      this.#tally.add(transport, 'told')
    }
    return forMs
  }

  /**
   * Not asked yet. Where everybody goes, one who was asked, has left and is back may be asked again, since he would keep
   * the node from becoming empty; where a part goes, he and who chose to stay are left alone.
   */
  mayAsk(id: string): boolean {
    return (
      !this.#asked.has(id) && (this.#limit === undefined || !(this.#departed.has(id) || this.#stayed.has(id)))
    )
  }

  /** There is nobody here who may be asked: a drain of a part has reached whom it could. */
  noneLeft(): void {
    if (this.#limit !== undefined) this.#limit -= this.#unaskedOf(this.#limit)
  }

  /** Another node has it. Answers whether its connection here was asked to go and is not gone yet. */
  confirm(id: string, { gapMs, recovered }: Arrived, nowMs: number): boolean {
    const connected = take(this.#asked, id) ?? take(this.#stayed, id)
    const client = connected ?? take(this.#departed, id)
    if (client === undefined) return false
    const { transport, leftMs } = client
    const here = connected !== undefined
    remember(this.#arrived, id, { transport, overlap: gapMs === 0 })
    this.#confirmed++
    this.#tally.add(transport, 'moved')
    if (recovered) this.#tally.add(transport, 'resumed')
    if (!here) this.#tally.add(transport, 'unseen', -1)
    this.#tally.gap(transport, gapMs ?? (here ? 0 : nowMs - leftMs))
    return here
  }

  /** One who has moved had to catch up on so many messages. Told once of each. */
  replayed(id: string, messages: number): void {
    const arrived = take(this.#arrived, id)
    if (arrived === undefined) return
    this.#tally.add(arrived.transport, 'replayed', messages)
    if (arrived.overlap) this.#tally.add(arrived.transport, 'overlapped', messages)
  }

  /** Its connection here has ended. */
  gone(id: string, nowMs: number): void {
    const client = take(this.#asked, id) ?? take(this.#stayed, id)
    if (client !== undefined) this.#left(id, client, nowMs)
  }

  pause(): void {
    if (this.#state !== 'moving' && this.#state !== 'waiting') return
    this.#state = 'paused'
    this.#steady = false
    this.#cycleMs = 0
  }

  resume(): void {
    // The next tick decides whether the time of waiting is over.
    if (this.#state === 'paused') this.#state = 'waiting'
  }

  setPlan(plan: Plan): void {
    this.#plan = plan
    this.#pace = paceOf(plan, this.#total)
    this.#steady = false
    this.#cycleMs = 0
  }

  finishNow(): void {
    this.#now = true
    if (this.#state === 'paused') this.#state = 'waiting'
  }

  /** From now on it also ends where for so long there was no other node: whoever is here then has nowhere to go. */
  endAlone(afterMs: number): void {
    this.#aloneMs = afterMs
  }

  cancel(): void {
    if (this.#state !== 'gone') this.#state = 'cancelled'
  }

  /** How many may still be asked: who stayed has not used up a place. */
  #unaskedOf(limit: number): number {
    return limit - (this.#told - this.#stayed.size)
  }

  #leftAlone(nowMs: number, alone: boolean): boolean {
    this.#aloneSinceMs = alone ? (this.#aloneSinceMs ?? nowMs) : undefined
    const under = this.#state === 'waiting' || this.#state === 'moving'
    return under && this.#aloneSinceMs !== undefined && nowMs - this.#aloneSinceMs >= this.#aloneMs
  }

  /** From here on nobody new is let in; until now balancers may have sent some. */
  #move(connections: number): void {
    this.#state = 'moving'
    if (this.#moved) return
    this.#moved = true
    this.#total = this.#limit === undefined ? connections : Math.min(this.#limit, connections)
    this.#pace = paceOf(this.#plan, this.#total)
  }

  #batch(nowMs: number, count: number, windowMs: number): DrainDecision {
    this.#batchAtMs = nowMs
    this.#windowMs = windowMs
    return { kind: 'ask', count, windowMs }
  }

  #overdue(nowMs: number): DrainDecision[] {
    const decisions: DrainDecision[] = []
    for (const [id, client] of this.#asked) {
      if (nowMs < client.untilMs) continue
      this.#asked.delete(id)
      if (this.#limit !== undefined) {
        this.#stayed.set(id, client)
        continue
      }
      this.#left(id, client, nowMs)
      this.#tally.add(client.transport, 'forced')
      decisions.push({ kind: 'close', id })
    }
    return decisions
  }

  #left(id: string, client: Client, nowMs: number): void {
    client.leftMs = this.#lastLeftMs = nowMs
    remember(this.#departed, id, client)
    this.#tally.add(client.transport, 'unseen')
  }
}

function take<T>(map: Map<string, T>, id: string): T | undefined {
  const found = map.get(id)
  map.delete(id)
  return found
}

function remember<T>(map: Map<string, T>, id: string, what: T): void {
  map.set(id, what)
  if (map.size <= REMEMBERED_MAX) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
