/**
 * Carries a drain out: asks, waits, closes. What is decided is in `core.ts`.
 */
import { DrainCore } from './core.ts'
import type { Arrived, Capacity, DrainOptions, DrainState } from './core.ts'
import type { HoldReason } from './hold.ts'
import { planText, type Plan } from '../config/drain-plan.ts'
import type { Underway } from './schedule.ts'
import type { Tally, TransportCounts } from './tally.ts'
import type { Clock, Timer } from '../clock.ts'
import type { TransportName } from '../protocol/transport-name.ts'

/** A connection as the drain sees it. */
export interface Movable {
  readonly id: string
  readonly transport: TransportName
  /** The node whose drain has moved it here. */
  readonly movedFrom: string | undefined
  /** Asks the client to go elsewhere after `delayMs`; until `deadlineMs` from now it may stay. */
  ask(delayMs: number, deadlineMs: number): void
  /** Ends the connection: its time is up, or it has moved and did not leave. */
  close(moved: boolean): void
}

export interface DrainPorts {
  readonly clock: Clock
  /** Everybody who is connected, as it is while it is iterated. */
  readonly connections: () => Iterable<Movable>
  find(id: string): Movable | undefined
  readonly count: () => number
  readonly capacity: () => Capacity
  /** The state, or the reason to hold, has changed. */
  changed(progress: DrainProgress): void
  /** The drain had to end, and has closed those who were still here. Once, before `done` resolves. */
  evicted(evicted: Evicted): void
}

/** Who could not be moved in the time there was. */
export interface Evicted {
  readonly transports: Readonly<Partial<Record<TransportName, number>>>
  /** Of the first of them. */
  readonly sessions: readonly string[]
  /** What held the moving up when there was no more time. Absent: nothing did. */
  readonly why?: string
}

export interface DrainProgress extends TransportCounts {
  readonly state: DrainState
  /** Why nobody is asked now. */
  readonly holding?: string
  readonly holdReason?: HoldReason
  readonly plan: string
  /** The region that clients are sent to. Absent: each goes to where its usual address leads. */
  readonly to?: string
  /** So many of those who were connected when moving began are to go. */
  readonly total: number
  readonly transports: Tally['byTransport']
  /** Of those told, how many other nodes had moved here before, by node. Absent where none. */
  readonly movedFrom?: Readonly<Record<string, number>>
  /** Connections that are still to go. */
  readonly remaining: number
  readonly elapsedMs: number
  /** Connections that left in a second, over the last seconds. */
  readonly ratePerSecond: number
  /** By the plan. Absent where nothing moves. */
  readonly remainingMs?: number
  /** By then everybody has gone, or is closed. Absent where a part is moved. */
  readonly deadlineInMs?: number
}

const TICK_MS = 100
/** So many are asked in one turn of the event loop: the others' messages go on meanwhile. */
const SLICE = 250
/** A client that has moved has this long to close its old connection itself. */
const LINGER_MS = 5000
/** How much of the rate is the newest second's. */
const RATE_SMOOTHING = 0.2
/** So many of those who could not be moved are named in the log. */
const NAMED_MAX = 100

export class Drain {
  readonly #ports: DrainPorts
  readonly #core: DrainCore
  readonly #timer: Timer
  /** Moved, and not gone yet: what closes the old connection. */
  readonly #lingering = new Map<string, Timer>()
  readonly #movedFrom = new Map<string, number>()
  #unasked: Iterator<Movable> | undefined
  #asking = false
  #told = ''
  #heldBy: string | undefined
  readonly #evicted = { transports: new Map<TransportName, number>(), sessions: [] as string[] }
  #rate = 0
  #rateAt: { readonly ms: number; readonly count: number }
  /** What was still to go then, and when that was. */
  #ended: { readonly atMs: number; readonly remaining: number } | undefined
  #settle: (outcome: 'gone' | 'cancelled') => void = () => undefined
  /** Resolves when nobody is left, or the drain is cancelled. */
  readonly done: Promise<'gone' | 'cancelled'>

  constructor(options: DrainOptions, ports: DrainPorts) {
    this.#ports = ports
    const nowMs = ports.clock.monotonicMs()
    this.#core = new DrainCore(options, ports.count(), nowMs)
    this.#rateAt = { ms: nowMs, count: ports.count() }
    this.done = new Promise((resolve) => (this.#settle = resolve))
    this.#timer = ports.clock.every(TICK_MS, () => this.#tick())
  }

  /** So many clients other nodes have. */
  get confirmed(): number {
    return this.#core.confirmed
  }

  /** Of those, so many had been closed, and came back by themselves. */
  get returned(): number {
    return this.#core.returned
  }

  get elapsedMs(): number {
    return (this.#ended?.atMs ?? this.#ports.clock.monotonicMs()) - this.#core.startedMs
  }

  get state(): DrainState {
    return this.#core.state
  }

  /** For who goes on where this drain has ended. */
  get underway(): Underway {
    return this.#core.underway(this.#ports.clock.monotonicMs())
  }

  /** Another node has the client. Answers whether its connection here may stay until the client closes it. */
  confirm(id: string, arrived: Arrived): boolean {
    if (!this.#core.confirm(id, arrived, this.#ports.clock.monotonicMs())) return false
    // Not looked for again when the time is up: by then the session may have come back, with a connection that is meant.
    const old = this.#ports.find(id)
    this.#lingering.set(
      id,
      this.#ports.clock.after(LINGER_MS, () => {
        this.#lingering.delete(id)
        old?.close(true)
      }),
    )
    return true
  }

  /**
   * One leaves by itself, and is not taken in again: it counts as told. Answers whether that is so; while the drain waits
   * or is paused nobody is told.
   */
  leaving(id: string, transport: TransportName): boolean {
    if (this.#core.state !== 'moving') return false
    this.#core.asked(id, transport, 0, this.#ports.clock.monotonicMs())
    return true
  }

  /** One who has moved had to catch up on so many messages. */
  replayed(id: string, messages: number): void {
    this.#core.replayed(id, messages)
  }

  /** A connection has ended. */
  gone(id: string): void {
    this.#core.gone(id, this.#ports.clock.monotonicMs())
    this.#lingering.get(id)?.cancel()
    this.#lingering.delete(id)
  }

  /** One who had left is at this node again, which stays. */
  cameBack(id: string): void {
    this.#core.cameBack(id)
  }

  pause(): void {
    this.#core.pause()
    this.#report()
  }

  resume(): void {
    this.#core.resume()
    this.#report()
  }

  setPlan(plan: Plan, waitMs = 0): void {
    this.#core.setPlan(plan, waitMs)
    this.#report()
  }

  /** By then it has ended, in milliseconds from its start. */
  setDeadline(fromStartMs: number): void {
    this.#core.setDeadline(fromStartMs)
  }

  /** Everybody goes now, whatever the others think of it. */
  finishNow(): void {
    this.#core.finishNow()
    this.#report()
  }

  /** It ends too once there has been no other node for so long. */
  endAlone(afterMs: number): void {
    this.#core.endAlone(afterMs)
  }

  /** The node stays. Who was asked to go may go all the same, or stay. */
  cancel(): void {
    this.#core.cancel()
    this.#end('cancelled')
  }

  progress(): DrainProgress {
    const { state, holding, holdReason, total, counts, byTransport, plan } = this.#core
    const nowMs = this.#ports.clock.monotonicMs()
    const connections = this.#ports.count()
    const remainingMs = this.#core.estimateMs(nowMs, connections)
    const deadlineInMs = this.#core.deadlineInMs(nowMs)
    return {
      state,
      ...(holding === undefined ? {} : { holding }),
      ...(holdReason === undefined ? {} : { holdReason }),
      plan: planText(plan),
      total,
      ...counts,
      transports: byTransport,
      ...(this.#movedFrom.size === 0 ? {} : { movedFrom: Object.fromEntries(this.#movedFrom) }),
      remaining: this.#ended?.remaining ?? this.#core.remaining(connections),
      elapsedMs: Math.round(this.elapsedMs),
      ratePerSecond: Math.round(this.#rate * 10) / 10,
      ...(remainingMs === undefined ? {} : { remainingMs: Math.round(remainingMs) }),
      ...(deadlineInMs === undefined || this.#ended ? {} : { deadlineInMs: Math.round(deadlineInMs) }),
    }
  }

  #tick(): void {
    const { clock, count, capacity } = this.#ports
    const nowMs = clock.monotonicMs()
    this.#measure(nowMs)
    for (const decision of this.#core.tick(nowMs, count(), capacity())) {
      switch (decision.kind) {
        case 'ask':
          if (!this.#asking) this.#ask(decision.count, decision.windowMs)
          break
        case 'close':
          this.#ports.find(decision.id)?.close(false)
          break
        case 'evict':
          this.#evict(decision.count, nowMs)
          break
        case 'done':
          this.#end('gone')
          break
        default:
          decision satisfies never
      }
    }
    if (this.#core.holding !== undefined) this.#heldBy = this.#core.holding
    else if (this.#core.state === 'moving') this.#heldBy = undefined
    this.#report()
  }

  /** There is no more time: whoever is here is closed, asked or not. */
  #evict(count: number, nowMs: number): void {
    let left = count
    for (const movable of this.#ports.connections()) {
      if (left-- <= 0) return
      const { id, transport } = movable
      const moved = this.#lingering.has(id)
      this.#core.evicted(id, transport, nowMs)
      if (!moved) {
        const { transports, sessions } = this.#evicted
        transports.set(transport, (transports.get(transport) ?? 0) + 1)
        if (sessions.length < NAMED_MAX) sessions.push(id)
      }
      movable.close(moved)
    }
  }

  /** In slices. The iteration goes on where the last batch ended, and begins anew for those who came since. */
  #ask(count: number, windowMs: number): void {
    const { clock } = this.#ports
    let left = count
    let wrapped = false
    this.#asking = true
    const slice = (): void => {
      for (let i = 0; i < SLICE && left > 0 && this.#core.state === 'moving'; i++) {
        this.#unasked ??= this.#ports.connections()[Symbol.iterator]()
        const { value, done } = this.#unasked.next() as IteratorResult<Movable, undefined>
        if (done === true) {
          this.#unasked = undefined
          if (wrapped) {
            this.#core.noneLeft()
            left = 0
            break
          }
          wrapped = true
          continue
        }
        if (!this.#core.mayAsk(value.id) || this.#lingering.has(value.id)) continue
        left--
        const { id, transport, movedFrom } = value
        if (movedFrom !== undefined) this.#movedFrom.set(movedFrom, (this.#movedFrom.get(movedFrom) ?? 0) + 1)
        const delayMs = Math.round(clock.random() * windowMs)
        value.ask(delayMs, this.#core.asked(id, transport, delayMs, clock.monotonicMs()))
      }
      if (left > 0 && this.#core.state === 'moving') clock.after(0, slice)
      else this.#asking = false
    }
    slice()
  }

  #measure(nowMs: number): void {
    const seconds = (nowMs - this.#rateAt.ms) / 1000
    if (seconds < 1) return
    const count = this.#ports.count()
    const left = Math.max(0, this.#rateAt.count - count) / seconds
    this.#rate += (left - this.#rate) * (this.#rate === 0 ? 1 : RATE_SMOOTHING)
    this.#rateAt = { ms: nowMs, count }
  }

  #report(): void {
    const { state, holding } = this.#core
    const now = `${state} ${holding ?? ''}`
    if (now === this.#told) return
    this.#told = now
    this.#ports.changed(this.progress())
  }

  #end(outcome: 'gone' | 'cancelled'): void {
    this.#timer.cancel()
    const { clock, count } = this.#ports
    this.#ended ??= { atMs: clock.monotonicMs(), remaining: this.#core.remaining(count()) }
    // Who has moved and lingers is still closed in time: where the node goes on, it would keep a connection whose session
    // is elsewhere.
    this.#report()
    const { transports, sessions } = this.#evicted
    if (transports.size > 0) {
      const why = this.#heldBy
      this.#ports.evicted({
        transports: Object.fromEntries(transports),
        sessions,
        ...(why === undefined ? {} : { why }),
      })
    }
    this.#settle(outcome)
  }
}
