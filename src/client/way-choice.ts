/**
 * Which way to the gateway is tried next, where there are several. The first is the best one; the others cost the gateway and the user more.
 *
 *  C1 the first is left only on proof: `PATIENCE` attempts by it in a row did not get through, or one could not even be made, *and* another way
 *     serves. A gateway that is down or busy fails on all of them, and is no reason
 *  C2 until then each failure of the first is followed at once by one attempt of the others in turn, not by all: a gateway that comes back
 *     is not asked by each client on each way. Only where one is refused for good the next is asked at once, since waiting would not help
 *  C3 the one that serves is used by all clients of the page, and the first is tried again: beside it after a while, which grows each time
 *     that this is in vain; before it at the next reconnect after that while, and as soon as the network has changed
 *  C4 an attempt by the first that has not opened after `HEDGE_MS` is joined by one of the others, where the first has not served on this
 *     page and network; whichever opens goes on, the other one is closed before it has said anything
 */
import { hedged } from './hedge.ts'
import type { Time } from './time.ts'
import type { Transport, Way, Ways } from './ways.ts'

/** What is known of the ways to one gateway, beyond one client. */
export interface Memory {
  /** What has served last. */
  transport?: Transport | undefined
  /** Until then the first is not tried. */
  untilMs: number
  /** How often it was found not to get through. */
  returns: number
}

export const PATIENCE = 3
export const HEDGE_MS = 5000
/** Doubled each time, up to half an hour, and spread: those who were turned away together do not come back together. */
export const RETURN_MS = 60_000
const DOUBLED_MAX = 5

export class WayChoice implements Ways {
  readonly #ways: readonly [Way, ...Way[]]
  readonly #memory: Memory
  readonly #time: Time
  /** Of the attempt. */
  #at = 0
  #serving = 0
  /** Of the first, in a row. */
  #failures = 0
  /** No attempt by the first can be made here. */
  #barred = false
  /** Whose turn it is among the others. */
  #turn = 1
  /** How many of the others have been tried since the first failed; `undefined`: it is the first's turn. */
  #detour: number | undefined

  constructor(ways: readonly [Way, ...Way[]], memory: Memory, time: Time) {
    this.#ways = ways
    this.#memory = memory
    this.#time = time
    this.#at = this.#kept()
  }

  get current(): Transport {
    return this.#way(this.#at).transport
  }

  next(why: 'connect' | 'move' | 'return'): Way {
    if (why === 'return') this.#at = 0
    else this.#at = this.#detour === undefined ? this.#kept() : this.#turn
    const way = this.#way(this.#at)
    const known = this.#memory.transport === way.transport
    if (this.#at > 0 || known || why !== 'connect' || this.#ways.length === 1) return way
    const { transport } = way
    const other = this.#turn
    const Socket = hedged(
      way,
      this.#way(other),
      this.#time,
      HEDGE_MS,
      () => (this.#turn = this.#after(other)),
      () => {
        this.#at = this.#turn = other
        this.#detour = 0
      },
    )
    return { transport, Socket }
  }

  failed(sure: boolean): boolean {
    const others = this.#ways.length - 1
    if (this.#at === 0) {
      this.#barred ||= sure
      if (others === 0 || (++this.#failures < PATIENCE && !sure)) return false
      this.#detour = 0
      return true
    }
    if (this.#detour === undefined) {
      // The one that is kept: one more failure of the first, and it has its turn again.
      this.#failures = PATIENCE - 1
      this.#memory.untilMs = 0
      this.#turn = this.#at
      return false
    }
    this.#turn = this.#after(this.#at)
    if (sure && ++this.#detour < others) return true
    this.#detour = undefined
    return false
  }

  served(): void {
    this.#serving = this.#at
    this.#failures = 0
    this.#detour = undefined
    this.#memory.transport = this.current
    if (this.#at > 0) return
    this.#memory.untilMs = this.#memory.returns = 0
  }

  returnMs(): number | undefined {
    if (this.#serving === 0 || this.#barred) return undefined
    const nowMs = this.#time.now()
    const memory = this.#memory
    if (nowMs >= memory.untilMs)
      memory.untilMs =
        nowMs + RETURN_MS * 2 ** Math.min(memory.returns++, DOUBLED_MAX) * (1 + this.#time.random())
    return memory.untilMs - nowMs
  }

  networkChanged(): boolean {
    const memory = this.#memory
    memory.untilMs = memory.returns = 0
    // Where the first cannot be made, what serves in its place is not forgotten.
    if (!this.#barred) memory.transport = undefined
    return this.#serving > 0 && !this.#barred
  }

  /** The first, or the one that is known to serve where that one does not. */
  #kept(): number {
    const { transport, untilMs } = this.#memory
    const keeps = this.#barred || this.#time.now() < untilMs
    const kept = this.#ways.findIndex((way) => keeps && way.transport === transport)
    return Math.max(0, kept)
  }

  #after(turn: number): number {
    return (turn % (this.#ways.length - 1)) + 1
  }

  #way(index: number): Way {
    return this.#ways[index] as Way
  }
}
