/**
 * May this connection come in, now? Asked before any cryptography, so that saying no costs next to nothing.
 *
 * Kept (the numbers are in the names of the tests):
 *  G1 the checks in their order: state, connection limit, rate of the address (of newcomers), load, rate of the node, waiting room
 *  G2 in any stretch of time no more are admitted than the burst and what the rate brings in that time, also where the rate is
 *     another one meanwhile
 *  G3 nobody overtakes in his class: while somebody of it waits, who comes later waits behind; those who resume go before
 *     newcomers, but for the share of G8
 *  G4 under load newcomers are turned away first, those who resume only at a higher threshold
 *  G5 everybody who waits is told exactly once: admitted, refused when the time is up or the gate closes, or nothing
 *     after a cancel
 *  G6 there is a timer only while somebody waits
 *  G7 the times to retry are drawn at random, so that those who are refused together do not come back together
 *  G8 of any number of admissions during which newcomers wait and may come in, `newcomersShare` are theirs, rounded down; and as
 *     much of the waiting room, rounded, where they want it; of two places or more one at least is theirs, and one is not
 *  G9 what came of an attempt that was admitted can be charged to its address, whose bucket is empty at worst
 *  G10 where somebody may wait no more come in at once than a group (`groups.ts`), the burst too; nobody is turned away for that
 */
import { jitter, type Clock, type Timer } from '../clock.ts'
import type { AdmissionRefusal } from '../protocol/states.ts'
import type { Cells } from '../observe/metrics.ts'
import { AddressBuckets } from './addresses.ts'
import { carriedOver, FULL_AT_MS, rateOf, take, untilMs, type Rate } from './bucket.ts'
import { GROUP_MS, Groups } from './groups.ts'
import type { Load } from './load.ts'
import { WaitingRoom, type Waiter } from './queue.ts'

/** Times in milliseconds, memory in bytes; 0 turns a limit off. */
export interface GateOptions {
  readonly connections: number
  readonly connectionsPerSecond: number
  /** 0: as many as come in a second. */
  readonly burst: number
  /** 0: nobody waits. */
  readonly queue: number
  readonly queueTimeout: number
  /** From 0 to 1. */
  readonly newcomersShare: number
  readonly perAddressPerSecond: number
  readonly perAddressBurst: number
  readonly maxLoopLag: number
  readonly maxMemory: number
}

export interface Attempt {
  /** Empty where it is not known; then there is no limit per address. */
  readonly address: string
  /** The client has shown that it was here before (`tickets.ts`). */
  readonly resume: boolean
}

export interface Admit {
  readonly kind: 'admit'
}

export interface Refuse {
  readonly kind: 'refuse'
  readonly reason: AdmissionRefusal
  readonly retryAfterMs: number
  /** The fault is the client's address's, not the node's: 429 rather than 503. */
  readonly tooMany: boolean
}

export interface Wait {
  readonly kind: 'wait'
  readonly ticket: Ticket
}

export type Decision = Admit | Refuse | Wait

export interface Ticket {
  /** Set at once by whoever asked. Called once, never within `admit`. */
  decided: (verdict: Admit | Refuse) => void
  /** The peer has left: `decided` is not called any more. Idempotent. */
  cancel(): void
}

/** `open`, or the state of the node in which it does not admit. */
export type GateState = 'open' | 'starting' | 'draining' | 'closing'

export interface GatePorts {
  readonly clock: Clock
  readonly load: Load
  readonly metrics: Pick<
    Cells,
    'refusals' | 'admissionQueue' | 'admissionWait' | 'admissionPressure' | 'admissionOffered'
  >
}

const ADMIT: Admit = Object.freeze({ kind: 'admit' })

/** Two halves of 50,000 entries of some 100 bytes. */
const ADDRESSES_MAX = 100_000
/** Those who resume are turned away when the loop is this much later than where newcomers are. */
const RESUME_LAG_FACTOR = 2
/** And when there is this much more memory in use; beyond that the process is in danger. */
const RESUME_MEMORY_FACTOR = 1.1
/** How soon a loaded node looks again whether it may let in those who wait. */
const LOADED_PUMP_MS = 100

/** From and up to which time a client is told to stay away, where the reason itself gives no better figure. */
export const RETRY_MS: Readonly<Record<AdmissionRefusal, readonly [number, number]>> = {
  connections: [5000, 15_000],
  address: [1000, 3000],
  lag: [1000, 5000],
  memory: [5000, 15_000],
  queue_full: [1000, 5000],
  queue_timeout: [1000, 5000],
  aborted: [0, 0],
  starting: [500, 2000],
  // Another node takes it, as soon as the load balancer has noticed.
  draining: [500, 2000],
  closing: [500, 2000],
}

interface GateWaiter extends Waiter, Ticket {}

export class Gate {
  readonly #options: GateOptions
  readonly #ports: GatePorts
  #rate: Rate | undefined
  #perSecond: number
  readonly #addresses: AddressBuckets | undefined
  readonly #room: WaitingRoom<GateWaiter>
  #fullAtMs = FULL_AT_MS
  readonly #groups = new Groups()
  #connections = 0
  #state: GateState = 'open'
  #pump: Timer | undefined

  constructor(options: GateOptions, ports: GatePorts) {
    this.#options = options
    this.#ports = ports
    this.#perSecond = options.connectionsPerSecond
    this.#rate = rateOf(options.connectionsPerSecond, options.burst)
    const addressRate = rateOf(options.perAddressPerSecond, options.perAddressBurst)
    this.#addresses = addressRate === undefined ? undefined : new AddressBuckets(addressRate, ADDRESSES_MAX)
    this.#room = new WaitingRoom(options.queue, options.queueTimeout, options.newcomersShare)
    ports.metrics.admissionQueue.read(() => this.#room.length)
    ports.metrics.admissionPressure.read(() => this.pressure)
    ports.metrics.admissionOffered.read(() => this.offered ?? 0)
  }

  admit(attempt: Attempt): Decision {
    const nowMs = this.#ports.clock.monotonicMs()
    const { address, resume } = attempt
    const barred = this.#barred()
    if (barred !== undefined) return this.#refuse(barred)
    if (!resume && this.#addresses !== undefined && !this.#addresses.take(address, nowMs)) {
      return this.#refuse('address', this.#addresses.untilMs(address, nowMs))
    }
    const overloaded = this.#overloaded(resume)
    if (overloaded !== undefined) return this.#refuse(overloaded)
    const newcomersToo = this.#overloaded(false) === undefined
    if (this.#room.mayPass(resume, newcomersToo) && this.#take(nowMs)) {
      if (resume) this.#room.passed(newcomersToo)
      this.#ports.metrics.admissionWait.observe(0)
      return ADMIT
    }
    return this.#wait(resume, nowMs)
  }

  /** An attempt from this address came to nothing, or was none. */
  charge(address: string, tokens: number): void {
    this.#addresses?.charge(address, this.#ports.clock.monotonicMs(), tokens)
  }

  connected(): void {
    this.#connections++
  }

  disconnected(): void {
    this.#connections--
  }

  get connections(): number {
    return this.#connections
  }

  /** Whether anything depends on where somebody comes from. */
  get looksAtAddresses(): boolean {
    return this.#addresses !== undefined
  }

  /** So many are let in in a second from now on, of those that the options allow; the burst goes with it. */
  setRate(perSecond: number): void {
    const { connectionsPerSecond, burst } = this.#options
    const before = this.#rate
    if (before === undefined || perSecond === this.#perSecond) return
    const nowMs = this.#ports.clock.monotonicMs()
    this.#perSecond = Math.min(perSecond, connectionsPerSecond)
    const after = rateOf(
      this.#perSecond,
      burst === 0 ? 0 : Math.max(1, (burst * this.#perSecond) / connectionsPerSecond),
    )
    if (after === undefined) return
    this.#fullAtMs = carriedOver(this.#fullAtMs, nowMs, before, after)
    this.#rate = after
  }

  /** Connections that it takes in a second, for the table of nodes; `undefined`: there is no limit. */
  get offered(): number | undefined {
    if (this.#rate === undefined) return undefined
    return this.#barred() === undefined ? this.#perSecond : 0
  }

  /** 0: admits at once. 1: the waiting room is full, or nobody is admitted. For the table of nodes. */
  get pressure(): number {
    if (this.#barred() !== undefined || this.#overloaded(false) !== undefined) return 1
    if (this.#options.queue > 0) return this.#room.length / this.#options.queue
    return this.#untilNextMs(this.#ports.clock.monotonicMs()) > 0 ? 1 : 0
  }

  get state(): GateState {
    return this.#state
  }

  /** Nobody is admitted from now on, and who waits is refused. */
  close(state: Exclude<GateState, 'open'>): void {
    this.#state = state
    this.#refuseAll(state)
    this.#rest()
  }

  /** Also after `close`: a drain can be cancelled. */
  open(): void {
    this.#state = 'open'
  }

  #barred(): AdmissionRefusal | undefined {
    if (this.#state !== 'open') return this.#state
    const limit = this.#options.connections
    return limit > 0 && this.#connections >= limit ? 'connections' : undefined
  }

  #overloaded(resume: boolean): AdmissionRefusal | undefined {
    const { maxLoopLag, maxMemory } = this.#options
    const { load } = this.#ports
    if (maxLoopLag > 0 && load.lagMs > maxLoopLag * (resume ? RESUME_LAG_FACTOR : 1)) return 'lag'
    if (maxMemory > 0 && load.memoryBytes > maxMemory * (resume ? RESUME_MEMORY_FACTOR : 1)) return 'memory'
    return undefined
  }

  /** `always`: also where the group is complete. */
  #take(nowMs: number, always = this.#options.queue === 0): boolean {
    if (this.#rate === undefined) return true
    if (!always && !this.#groups.hasPlace(nowMs, this.#rate.tokenMs, this.#room.length > 0)) return false
    const next = take(this.#fullAtMs, nowMs, 1, this.#rate)
    if (next === undefined) return false
    this.#fullAtMs = next
    this.#groups.took()
    return true
  }

  #untilNextMs(nowMs: number): number {
    return this.#rate === undefined ? 0 : untilMs(this.#fullAtMs, nowMs, 1, this.#rate)
  }

  #refuse(reason: AdmissionRefusal, leastMs = 0): Refuse {
    this.#ports.metrics.refusals[reason].inc()
    const [lowMs, highMs] = RETRY_MS[reason]
    const fromMs = Math.max(lowMs, leastMs)
    const retryAfterMs = jitter(this.#ports.clock, fromMs, Math.max(highMs, 2 * fromMs))
    return { kind: 'refuse', reason, retryAfterMs, tooMany: reason === 'address' }
  }

  /** What is in the waiting room already comes first, so that long a newcomer has nothing to hope for. */
  #refuseFull(reason: 'queue_full' | 'queue_timeout'): Refuse {
    return this.#refuse(reason, this.#room.length * (this.#rate?.tokenMs ?? 0))
  }

  #wait(resume: boolean, nowMs: number): Decision {
    const waiter: GateWaiter = {
      resume,
      sinceMs: nowMs,
      waiting: false,
      ahead: undefined,
      behind: undefined,
      decided: () => {},
      cancel: () => {
        if (!this.#room.leave(waiter)) return
        this.#ports.metrics.refusals.aborted.inc()
        if (this.#room.length === 0) this.#rest()
      },
    }
    if (this.#room.length >= this.#options.queue) this.#letIn(nowMs, true)
    const out = this.#room.enter(waiter)
    if (out === waiter) return this.#refuseFull('queue_full')
    out?.decided(this.#refuseFull('queue_full'))
    this.#pump ??= this.#ports.clock.after(this.#pumpDelayMs(nowMs), this.#run)
    return { kind: 'wait', ticket: waiter }
  }

  /** Lets in as many of those who wait as may come in now. */
  readonly #run = (): void => {
    this.#pump = undefined
    const { clock } = this.#ports
    const nowMs = clock.monotonicMs()
    try {
      for (let out = this.#room.expired(nowMs); out !== undefined; out = this.#room.expired(nowMs)) {
        out.decided(this.#refuseFull('queue_timeout'))
      }
      while (this.#room.length > 0) {
        const barred = this.#barred()
        if (barred !== undefined) {
          this.#refuseAll(barred)
          return
        }
        if (!this.#letIn(nowMs)) break
      }
    } finally {
      // Also where a `decided` threw: the others wait still.
      if (this.#room.length > 0) this.#pump ??= clock.after(this.#pumpDelayMs(nowMs), this.#run)
    }
  }

  /** The next of those who wait; `false`: nobody may come in now. `always`: as of `#take`. */
  #letIn(nowMs: number, always?: boolean): boolean {
    if (this.#overloaded(true) !== undefined) return false
    const newcomersToo = this.#overloaded(false) === undefined
    if (this.#room.resumes === 0 && (!newcomersToo || this.#room.length === 0)) return false
    if (!this.#take(nowMs, always)) return false
    const waiter = this.#room.next(newcomersToo)
    if (waiter === undefined) return false
    this.#ports.metrics.admissionWait.observe((nowMs - waiter.sinceMs) / 1000)
    waiter.decided(ADMIT)
    return true
  }

  #pumpDelayMs(nowMs: number): number {
    const loaded = this.#overloaded(this.#room.resumes > 0) !== undefined
    const soonestMs = loaded ? LOADED_PUMP_MS : Math.max(GROUP_MS, this.#untilNextMs(nowMs))
    return Math.max(1, Math.min(soonestMs, this.#room.nextExpiryMs - nowMs))
  }

  #refuseAll(reason: AdmissionRefusal): void {
    for (let out = this.#room.next(true); out !== undefined; out = this.#room.next(true)) {
      out.decided(this.#refuse(reason))
    }
  }

  #rest(): void {
    this.#pump?.cancel()
    this.#pump = undefined
  }
}
