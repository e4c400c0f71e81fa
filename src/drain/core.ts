/**
 * A drain, from the first word to the last connection. Pure: times are given, in milliseconds of a clock that never
 * jumps, and what is to be done is answered.
 *
 *   (waiting) ── deregister delay ──▶ (moving) ──────── nobody is left ───────▶ (gone)
 *                                      ▲    │  └ deadline, or alone ▶ (closing) ──▲
 *                               resume │    │ pause                      ▲
 *                                      └─ (paused) ──────── deadline ────┘
 *   any but gone ── cancel ──▶ (cancelled)
 *
 * It keeps (test/property/drain.property.test.ts, drain-together.property.test.ts):
 *  D1 a connection is asked at most once, and closed before the deadline only after it was asked, its time was up, and
 *     others had room for it
 *  D2 the plan's clock rules: whoever is due by the plan has been asked, a tenth of an interval later at most, whatever
 *     those do who were asked before; and nobody earlier, unless all are to go now or the deadline is near
 *  D3 while the cluster does not take it well nobody is asked, the clock stands still, and the reason is told; unless the
 *     deadline is near. More are never asked, or closed before the deadline, than others have room for. Neither counts where
 *     an operator wants all to go now, or where the node is cut off
 *  D8 no more are asked in any stretch of time than the others offer to take in it, and in the window of one batch; a plan
 *     without a pace of its own has this one (test/property/pace.property.test.ts)
 *  D4 while paused nobody is asked and nobody is closed before the deadline, and once cancelled never
 *  D5 it ends: everybody has gone by the deadline, whatever clients and the cluster do; and where it may end alone, also
 *     when there is no cluster any more. Who is closed for that is closed spread over a moment
 *  D6 with a limit no more leave than that, and nobody is closed; in the place of one who is asked and stays another is asked
 *  D7 of whom was told, everybody is still here, has moved or is unseen; who is heard of elsewhere within `returnMs` of
 *     leaving, or of the word before his, has moved, also where he was the last (`return-wait.ts`)
 */
import type { Plan } from '../config/drain-plan.ts'
import { NOT_BACK, noRoom, unwell, type Hold, type HoldReason } from './hold.ts'
import { remember, take } from './remembered.ts'
import { ReturnWait } from './return-wait.ts'
import { lengthMs, scheduleOf, type Schedule, type Underway } from './schedule.ts'
import { Tally, type TransportCounts } from './tally.ts'
import type { TransportName } from '../protocol/transport-name.ts'
import type { DRAIN_STATES } from '../protocol/states.ts'

export type DrainState = (typeof DRAIN_STATES)[number]

export interface DrainOptions {
  readonly plan: Plan
  /** For so long load balancers may still send connections here. */
  readonly deregisterMs: number
  /** How long after its own moment a client has for its move. */
  readonly graceMs: number
  /** Who leaves before another node has him is heard of within this time, if he comes back at all, and nobody is late. */
  readonly returnMs: number
  /** From the start; by then it has ended. `Infinity`: it takes the time that it takes. */
  readonly deadlineMs: number
  /** Those who are closed because it has to end are closed over this time. */
  readonly closeSpreadMs: number
  /** So many go, and then it ends; who does not want to may stay. Absent: everybody goes. */
  readonly limit?: number
  /** A batch that others have begun, by the start: the rest of it comes first. */
  readonly underway?: Underway
}

/** Whether others can take more, and why not. */
export interface Capacity {
  readonly ok: boolean
  readonly reason: string
  /** Absent where it is well. */
  readonly why?: HoldReason
  /** There is no other node that takes clients, and none is starting. */
  readonly alone?: true
  /** The others are well, or cannot be heard at all: this node alone is sick, and keeps its clients from what they need. */
  readonly cutOff?: true
  /** So many connections the others can take beside those that they have; `Infinity` where nobody limits them. */
  readonly room: number
  /** So many connections the others offer to take in a second. Absent: they do not say. */
  readonly rate?: number
  /** Which limit it is, where there is no room. */
  readonly full?: string
}

interface Client {
  readonly transport: TransportName
  readonly untilMs: number
  readonly batch: number
  leftMs: number
}

interface Closing {
  readonly fromMs: number
  readonly untilMs: number
  /** At its start. */
  readonly connections: number
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
  /** Its time is up. */
  | { readonly kind: 'close'; readonly id: string }
  /** Close so many of whoever is here, since the drain has to end; answer with `evicted` for each. */
  | { readonly kind: 'evict'; readonly count: number }
  | { readonly kind: 'done' }

/** Who is sent away in a hurry is still spread over this time. */
const NOW_WINDOW_MS = 2000
/** A client's moment lies in this part of the interval, so that most have moved when the next batch is due. */
const WINDOW_SHARE = 0.8
/** A batch is taken when so many of it have moved or left. */
const TAKEN_SHARE = 0.95
/** Where the last batch is not taken, the next one is late by this part of the interval, and no more: some never move. */
const LATE_SHARE = 0.1
/** Near the deadline all are asked early enough to have this long for their move, or their whole grace if it is shorter. */
const SETTLE_MS = 10_000
/** But where the deadline itself is short, no more than this part of it. */
const SETTLE_SHARE = 0.2
/** Where nobody says how many connections he takes in a second, and those who ask have no pace of their own. */
const UNSAID_RATE = 100
/** What is offered is for newcomers and others who come back, too. */
const OFFERED_SHARE = 0.8

/** For so long the table of nodes does not show yet that somebody has moved to one of them. */
const ROOM_LAG_MS = 5000

export class DrainCore {
  readonly #options: DrainOptions
  #limit: number | undefined
  readonly #openAtMs: number
  readonly #startedMs: number
  #deadlineAtMs: number
  #total: number
  /** Asked and still here. */
  readonly #asked = new Map<string, Client>()
  /** Moved, and their old connection is still here: they close it themselves. */
  readonly #lingering = new Set<string>()
  /** Left, and not heard of. */
  readonly #departed = new Map<string, Client>()
  /** Closed, because their time was up. */
  readonly #forced = new Set<string>()
  /** Asked, out of time, and still here: where a part goes, who does not want to may stay. */
  readonly #stayed = new Map<string, Client>()
  /** Moved: whether the connection here was still open when the other began. */
  readonly #arrived = new Map<string, { readonly transport: TransportName; readonly overlap: boolean }>()
  readonly #tally = new Tally()
  #plan: Plan
  #schedule: Schedule
  /** How long the plan has been carried out: stands still while something holds it up. */
  #planMs = 0
  /** So many had been asked when the schedule began. */
  #base = 0
  /** So many times somebody was asked. */
  #asks = 0
  #tickedAtMs: number
  #state: DrainState = 'waiting'
  #moved = false
  #confirmed = 0
  #returned = 0
  /** When somebody moved or left, by the second, for as long as the others' numbers may not show it. */
  readonly #recent: { readonly atMs: number; count: number }[] = []
  #holding: Hold | undefined
  /** Since when, by the clock of the plan, somebody is due and was not asked. */
  #dueSinceMs: number | undefined
  #batchAtMs = Number.NEGATIVE_INFINITY
  #batch = 0
  #batchSize = 0
  #batchSettled = 0
  #windowMs = 0
  /** When the last of those who were asked is out of time. */
  #lastUntilMs = 0
  /** So many may be asked by what the others offer, now and in a second. */
  #allowed: number | undefined
  #offered = UNSAID_RATE
  #now = false
  /** The deadline is near: whoever is left is asked in the time that is left. */
  #hurried = false
  #told = 0
  /** Without any other node for so long, there is nobody to wait for. */
  #aloneMs = Number.POSITIVE_INFINITY
  #aloneSinceMs: number | undefined
  readonly #returning: ReturnWait
  #closing: Closing | undefined

  constructor(options: DrainOptions, connections: number, nowMs: number) {
    this.#options = options
    this.#limit = options.limit
    this.#plan = options.plan
    this.#total = this.#limit === undefined ? connections : Math.min(this.#limit, connections)
    this.#schedule = scheduleOf(options.plan, this.#total)
    this.#startedMs = this.#tickedAtMs = nowMs
    this.#openAtMs = nowMs + options.deregisterMs
    this.#deadlineAtMs = nowMs + options.deadlineMs
    this.#returning = new ReturnWait({ returnMs: options.returnMs, mostMs: options.graceMs }, nowMs)
  }

  get state(): DrainState {
    return this.#state
  }

  get plan(): Plan {
    return this.#plan
  }

  /** Why nobody is asked, or closed, now where somebody would be. */
  get holding(): string | undefined {
    return this.#holding?.text
  }

  get holdReason(): HoldReason | undefined {
    return this.#holding?.why
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

  /** Of those, so many had been closed, and came back by themselves. */
  get returned(): number {
    return this.#returned
  }

  get counts(): TransportCounts {
    return this.#tally.all
  }

  get byTransport(): Tally['byTransport'] {
    return this.#tally.byTransport
  }

  /** How long until the deadline; `undefined`: there is none. */
  deadlineInMs(nowMs: number): number | undefined {
    return this.#deadlineAtMs === Infinity ? undefined : Math.max(0, this.#deadlineAtMs - nowMs)
  }

  /** Of so many who are connected, how many are still to go. */
  remaining(connections: number): number {
    if (this.#limit === undefined) return connections
    return Math.min(connections, this.#unaskedOf(this.#limit) + this.#asked.size)
  }

  /** In how many milliseconds all who are to go will have gone, by the plan; `undefined` where nothing moves. */
  estimateMs(nowMs: number, connections: number): number | undefined {
    if (this.#state === 'closing') return Math.max(0, (this.#closing?.untilMs ?? nowMs) - nowMs)
    const under = this.#state === 'waiting' || this.#state === 'moving'
    if (!under || this.#holding !== undefined) return undefined
    const unasked = Math.max(0, this.remaining(connections) - this.#asked.size - this.#lingering.size)
    if (unasked === 0) {
      // Most move within the window. Who has not by then may take the whole of his time.
      const windowEndMs = this.#batchAtMs + this.#windowMs
      return Math.max(0, (nowMs < windowEndMs ? windowEndMs : this.#lastUntilMs) - nowMs)
    }
    if (this.#now) return NOW_WINDOW_MS
    if (this.#plan.kind === 'fast') return (unasked / Math.max(this.#offered, 1)) * 1000
    const waitMs = this.#state === 'waiting' ? Math.max(0, this.#openAtMs - nowMs) : 0
    return waitMs + Math.max(this.#windowMs, this.#leftOfPlanMs())
  }

  /** For who goes on where this drain has ended. */
  underway(nowMs: number): Underway {
    const { everyMs, dueAt } = this.#schedule
    const step = Math.max(0, Math.floor(this.#planMs / everyMs))
    const nextInMs = (step + 1) * everyMs - this.#planMs - (nowMs - this.#tickedAtMs)
    return {
      asked: Math.max(0, this.#asks - this.#base - dueAt(step - 1)),
      nextInMs: Math.max(0, Math.round(nextInMs)),
    }
  }

  /** Called again and again. `connections`: how many are connected here now. */
  tick(nowMs: number, connections: number, capacity: Capacity): DrainDecision[] {
    const passedMs = nowMs - this.#tickedAtMs
    this.#tickedAtMs = nowMs
    this.#returning.tick(nowMs, capacity)
    // Near the deadline the time that is left is what counts.
    const held = this.#holding !== undefined && !this.#hurried
    this.#holding = undefined
    if (this.#isOver()) return []
    this.#allow(capacity.rate, passedMs)
    if (capacity.cutOff === true && this.#limit === undefined && this.#state !== 'paused') this.#now = true
    this.#closeIfItMustEnd(nowMs, connections, capacity.alone === true)
    if (this.#closing !== undefined) return this.#close(nowMs, connections)
    if (this.#state === 'waiting' && (nowMs >= this.#openAtMs || this.#now)) this.#move(connections)
    else if (this.#state === 'moving' && !held) this.#planMs += passedMs
    if (this.#state !== 'moving') return []
    const decisions = this.#overdue(nowMs, capacity)
    const left = this.#limit === undefined ? Infinity : this.#unaskedOf(this.#limit)
    if (connections === 0 || (left <= 0 && this.#asked.size === 0)) {
      if (this.#departed.size > 0 && !this.#returning.isOver) {
        this.#holding = NOT_BACK
        return decisions
      }
      this.#state = 'gone'
      return [...decisions, { kind: 'done' }]
    }
    const here = connections - decisions.length
    const waiting = Math.min(here - this.#asked.size - this.#lingering.size, left)
    const ask = waiting > 0 ? this.#next(nowMs, waiting, capacity) : undefined
    return ask === undefined ? decisions : [...decisions, ask]
  }

  /** One was asked to leave after `delayMs`. Answers how long it has for that, in milliseconds from now. */
  asked(id: string, transport: TransportName, delayMs: number, nowMs: number): number {
    const forMs = Math.min(delayMs + this.#options.graceMs, this.#deadlineAtMs - nowMs)
    if (this.#asked.has(id)) return forMs
    const untilMs = nowMs + forMs
    this.#asked.set(id, { transport, untilMs, batch: this.#batch, leftMs: untilMs })
    this.#asks++
    this.#batchSize++
    this.#lastUntilMs = Math.max(this.#lastUntilMs, untilMs)
    this.#tell(id, transport)
    return forMs
  }

  /** One was closed because the drain has to end, asked or not. */
  evicted(id: string, transport: TransportName, nowMs: number): void {
    const asked = take(this.#asked, id) ?? take(this.#stayed, id)
    if (asked === undefined && !this.#lingering.has(id)) this.#tell(id, transport)
    if (this.#lingering.has(id)) return
    this.#force(id, asked ?? { transport, untilMs: nowMs, batch: this.#batch, leftMs: nowMs }, nowMs)
  }

  /**
   * Not asked yet. Where everybody goes, one who was asked, has left and is back may be asked again, since he would keep
   * the node from becoming empty; where a part goes, he and who chose to stay are left alone.
   */
  mayAsk(id: string): boolean {
    if (this.#asked.has(id) || this.#lingering.has(id)) return false
    return this.#limit === undefined || !(this.#departed.has(id) || this.#stayed.has(id))
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
    if (here) {
      this.#lingering.add(id)
      this.#settled(client)
      this.#countRecent(nowMs)
    } else this.#returning.word(nowMs)
    remember(this.#arrived, id, { transport, overlap: gapMs === 0 })
    this.#confirmed++
    this.#tally.add(transport, 'moved')
    if (recovered) this.#tally.add(transport, 'resumed')
    if (!here) this.#tally.add(transport, 'unseen', -1)
    if (this.#forced.delete(id)) {
      // It did not know what it was asked, but it knew what to do when it was closed.
      this.#tally.add(transport, 'forced', -1)
      this.#tally.add(transport, 'returned')
      this.#returned++
    }
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
    this.#lingering.delete(id)
    const client = take(this.#asked, id) ?? take(this.#stayed, id)
    if (client !== undefined) this.#left(id, client, nowMs)
  }

  /** One who had left is here again, since the node stays: he is not one who was never seen again. */
  cameBack(id: string): void {
    const client = take(this.#departed, id)
    if (client === undefined) return
    this.#tally.add(client.transport, 'unseen', -1)
    if (this.#forced.delete(id)) this.#tally.add(client.transport, 'forced', -1)
  }

  pause(): void {
    if (this.#state === 'moving' || this.#state === 'waiting') this.#state = 'paused'
  }

  resume(): void {
    if (this.#state !== 'paused') return
    // The next tick decides whether the time of waiting is over.
    this.#state = 'waiting'
    this.#hurried = false
  }

  /**
   * From the next step on; it begins no sooner than the old plan or the new one would let the next batch go, and not before
   * `waitMs` have passed.
   */
  setPlan(plan: Plan, waitMs = 0): void {
    const sinceMs = this.#tickedAtMs - this.#batchAtMs
    const next = scheduleOf(plan, this.#total)
    this.#plan = plan
    this.#hurried = false
    this.#begin(next, -Math.max(0, waitMs, Math.min(this.#schedule.everyMs, next.everyMs) - sinceMs))
  }

  /** In milliseconds from the start. Whether it is near is decided anew, as with another plan and after a pause. */
  setDeadline(fromStartMs: number): void {
    this.#deadlineAtMs = this.#startedMs + fromStartMs
    this.#hurried = false
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

  #isOver(): boolean {
    return this.#state === 'gone' || this.#state === 'cancelled'
  }

  /** How many may still be asked: who stayed has not used up a place. */
  #unaskedOf(limit: number): number {
    return limit - (this.#told - this.#stayed.size)
  }

  #tell(id: string, transport: TransportName): void {
    // Who had left and is back has been told already.
    if (this.#departed.delete(id)) {
      this.#tally.add(transport, 'unseen', -1)
      if (this.#forced.delete(id)) this.#tally.add(transport, 'forced', -1)
    } else {
      this.#told++
      this.#tally.add(transport, 'told')
    }
  }

  #closeIfItMustEnd(nowMs: number, connections: number, alone: boolean): void {
    if (this.#closing !== undefined) return
    this.#aloneSinceMs = alone && this.#state !== 'paused' ? (this.#aloneSinceMs ?? nowMs) : undefined
    const leftAlone = this.#aloneSinceMs !== undefined && nowMs - this.#aloneSinceMs >= this.#aloneMs
    const closeAtMs = this.#deadlineAtMs - this.#options.closeSpreadMs
    if (!leftAlone && nowMs < closeAtMs) return
    this.#state = 'closing'
    if (!this.#moved) this.#total = connections
    const untilMs = Math.min(nowMs + this.#options.closeSpreadMs, this.#deadlineAtMs)
    this.#closing = { fromMs: nowMs, untilMs, connections }
  }

  /** An even flow, of which nobody is left at its end. */
  #close(nowMs: number, connections: number): DrainDecision[] {
    const { fromMs, untilMs, connections: all } = this.#closing as Closing
    const left = nowMs >= untilMs ? 0 : Math.floor((all * (untilMs - nowMs)) / (untilMs - fromMs))
    const decisions: DrainDecision[] = []
    if (connections > left) decisions.push({ kind: 'evict', count: connections - left })
    if (left > 0 && connections > 0) return decisions
    this.#state = 'gone'
    return [...decisions, { kind: 'done' }]
  }

  /** From here on nobody new is let in; until now balancers may have sent some. */
  #move(connections: number): void {
    this.#state = 'moving'
    if (this.#moved) return
    this.#moved = true
    this.#total = this.#limit === undefined ? connections : Math.min(this.#limit, connections)
    const { asked, nextInMs } = this.#options.underway ?? { asked: 0, nextInMs: 0 }
    const restMs = this.#startedMs + nextInMs - this.#tickedAtMs
    const schedule = scheduleOf(this.#plan, this.#total, restMs > 0 ? asked : 0)
    this.#begin(schedule, restMs > 0 ? Math.max(0, schedule.everyMs - restMs) : 0)
  }

  #begin(schedule: Schedule, planMs: number): void {
    this.#schedule = schedule
    this.#planMs = planMs
    this.#base = this.#asks
    this.#dueSinceMs = undefined
  }

  #leftOfPlanMs(): number {
    // The last step needs no interval after it, only the moments of its clients.
    return lengthMs(this.#schedule) - this.#schedule.everyMs * (1 - WINDOW_SHARE) - this.#planMs
  }

  /** Who is asked now, if anybody is. */
  #next(nowMs: number, waiting: number, capacity: Capacity): DrainDecision | undefined {
    if (this.#now) return this.#askUpTo(nowMs, waiting, NOW_WINDOW_MS, capacity)
    this.#hurryIfLate(nowMs, waiting)
    const { everyMs } = this.#schedule
    if (this.#planMs < 0) return undefined
    const step = Math.floor(this.#planMs / everyMs)
    const due = Math.min(waiting, this.#schedule.dueAt(step) - (this.#asks - this.#base))
    if (due <= 0) return undefined
    if (!capacity.ok && !this.#hurried) {
      this.#holding = unwell(capacity)
      return undefined
    }
    const taken = this.#batchSettled >= this.#batchSize * TAKEN_SHARE
    this.#dueSinceMs ??= this.#planMs
    if (!taken && this.#planMs - this.#dueSinceMs < everyMs * LATE_SHARE) return undefined
    return this.#askUpTo(nowMs, due, everyMs * WINDOW_SHARE, capacity)
  }

  #askUpTo(nowMs: number, wanted: number, windowMs: number, capacity: Capacity): DrainDecision | undefined {
    const room = Math.min(wanted, this.#roomFor(nowMs, capacity))
    // The rest stays due, and the plan waits for it.
    if (room < wanted) this.#holding = noRoom(capacity)
    const count = Math.min(room, this.#allowance())
    if (count < room && this.#plan.kind !== 'fast')
      this.#holding = noRoom({ full: `the others take ${Math.floor(this.#offered)} connections a second` })
    if (count <= 0) return undefined
    this.#batchAtMs = nowMs
    this.#dueSinceMs = undefined
    this.#batch++
    this.#batchSize = this.#batchSettled = 0
    this.#windowMs = windowMs
    if (this.#allowed !== undefined) this.#allowed = Math.max(0, this.#allowed - count)
    return { kind: 'ask', count, windowMs }
  }

  /** What is offered adds up for the window of a batch, to one at least, and no longer: who was not sent is not sent all at once. */
  #allow(rate: number | undefined, passedMs: number): void {
    const perSecond = rate === undefined && this.#plan.kind === 'fast' ? UNSAID_RATE : rate
    if (perSecond === undefined) {
      this.#allowed = undefined
      return
    }
    this.#offered = perSecond * OFFERED_SHARE
    const most = Math.max(1, (this.#offered * Math.max(1000, this.#schedule.everyMs * WINDOW_SHARE)) / 1000)
    this.#allowed = Math.min(most, (this.#allowed ?? most) + (this.#offered * passedMs) / 1000)
  }

  #allowance(): number {
    return this.#now || this.#hurried || this.#allowed === undefined ? Infinity : Math.floor(this.#allowed)
  }

  /** Beside those who are on their way, or have arrived so lately that the others' numbers are without them. */
  #roomFor(nowMs: number, { room }: Capacity): number {
    if (room === Infinity || this.#now) return Infinity
    while (this.#recent.length > 0 && nowMs - (this.#recent[0]?.atMs ?? 0) > ROOM_LAG_MS) this.#recent.shift()
    const arriving = this.#recent.reduce((sum, { count }) => sum + count, 0)
    return Math.max(0, room - this.#asked.size - arriving)
  }

  #countRecent(nowMs: number): void {
    const last = this.#recent.at(-1)
    if (last !== undefined && nowMs - last.atMs < 1000) last.count++
    else this.#recent.push({ atMs: nowMs, count: 1 })
    // What nobody asks for any more must not grow.
    if (this.#recent.length > ROOM_LAG_MS / 1000 + 2) this.#recent.shift()
  }

  /** Where the plan would end too late, those who are left are spread over the time that is left. */
  #hurryIfLate(nowMs: number, waiting: number): void {
    if (this.#hurried || this.#deadlineAtMs === Infinity) return
    const { graceMs, closeSpreadMs } = this.#options
    const settleMs = Math.min(SETTLE_MS, graceMs, (this.#deadlineAtMs - this.#startedMs) * SETTLE_SHARE)
    const lastAskMs = this.#deadlineAtMs - closeSpreadMs - settleMs
    if (nowMs + this.#leftOfPlanMs() <= lastAskMs) return
    this.#hurried = true
    this.#begin(scheduleOf({ kind: 'over', totalMs: Math.max(1, lastAskMs - nowMs) }, waiting), 0)
  }

  #overdue(nowMs: number, capacity: Capacity): DrainDecision[] {
    const decisions: DrainDecision[] = []
    let room = this.#now ? Infinity : capacity.ok || this.#hurried ? capacity.room : 0
    for (const [id, client] of this.#asked) {
      if (nowMs < client.untilMs) continue
      if (this.#limit !== undefined) {
        this.#asked.delete(id)
        this.#settled(client)
        this.#stayed.set(id, client)
        continue
      }
      // He is served here for as long as nobody else could serve him.
      if (room < 1) {
        this.#holding = capacity.ok ? noRoom(capacity) : unwell(capacity)
        break
      }
      room--
      this.#asked.delete(id)
      this.#force(id, client, nowMs)
      decisions.push({ kind: 'close', id })
    }
    return decisions
  }

  #settled({ batch }: Client): void {
    if (batch === this.#batch) this.#batchSettled++
  }

  #force(id: string, client: Client, nowMs: number): void {
    this.#left(id, client, nowMs)
    this.#forced.add(id)
    this.#tally.add(client.transport, 'forced')
  }

  #left(id: string, client: Client, nowMs: number): void {
    client.leftMs = nowMs
    this.#returning.left(nowMs)
    this.#settled(client)
    this.#countRecent(nowMs)
    const forgotten = remember(this.#departed, id, client)
    if (forgotten !== undefined) this.#forced.delete(forgotten)
    this.#tally.add(client.transport, 'unseen')
  }
}
