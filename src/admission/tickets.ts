/**
 * Tickets: by which a client that comes back shows, before anything that costs, that it was here before. Who shows a good one
 * goes before newcomers, and is not counted on its address.
 *
 * A ticket is a seal (`seal.ts`) over the tag of the user and the hour in which it was given. It is given with each `welcome` and each
 * re-authentication, and within each cursor. It is of the user and not of the session: whoever has one account cannot multiply
 * his priority by opening sessions, and it opens nothing, so that it may stand in a URL, which proxies log.
 *
 *   T1 a ticket that was given holds for its user until it is `ttlMs` old, at any node that knows the secret
 *   T2 nothing else does: no other user's, no other hour, no other secret, no text that was made up
 *   T3 all tickets of a user together give him `PRIORITY_BURST` admissions at once and `PRIORITY_PER_SECOND` after
 *      that; beyond it he stands with the newcomers, and is not refused for it
 */
import { Buckets } from './buckets.ts'
import { rateOf, type Rate } from './bucket.ts'
import type { Clock } from '../clock.ts'
import type { Ticket } from '../protocol/ticket.ts'
import { Seal } from '../seal.ts'

/** Tabs and devices of one person that come back together; somebody who polls a busy channel asks about once a second. */
const PRIORITY_BURST = 20
const PRIORITY_PER_SECOND = 1
/** Two halves of 50,000 entries of some 100 bytes: only users who have a ticket take one. */
const USERS_MAX = 100_000
/** 64 bits: they can be guessed only by asking a running node. */
const MAC_BYTES = 8
const HOUR_MS = 3_600_000
/** The clock of the node that gave it may be ahead. */
const AHEAD_HOURS = 1
/** A stream is given a fresh one when so much of the time of the last has passed. */
const RENEWED_AT = 0.25

export class Tickets {
  readonly #seal: Seal
  readonly #ttlHours: number
  readonly #clock: Pick<Clock, 'now' | 'monotonicMs'>
  readonly #spent = new Buckets(rateOf(PRIORITY_PER_SECOND, PRIORITY_BURST) as Rate, USERS_MAX)

  constructor(secret: string, ttlMs: number, clock: Pick<Clock, 'now' | 'monotonicMs'>) {
    this.#seal = new Seal(secret, 'ticket', MAC_BYTES)
    this.#ttlHours = Math.max(1, Math.ceil(ttlMs / HOUR_MS))
    this.#clock = clock
  }

  /** `owner`: the tag of the user, see `tagOf`. */
  give(owner: string): Ticket {
    const hour = this.#hour()
    return { owner, hour, mac: this.#seal.digitsOf(sealed(owner, hour)) }
  }

  /** Whether a ticket that was given in that hour should be replaced, where that is possible. */
  isOld(hour: number): boolean {
    return this.#hour() - hour >= this.#ttlHours * RENEWED_AT
  }

  /** Whether this is a good ticket, and its user has not used his priority up. */
  spend({ owner, hour, mac }: Ticket): boolean {
    const age = this.#hour() - hour
    if (age > this.#ttlHours || age < -AHEAD_HOURS) return false
    if (!this.#seal.holds(Buffer.from(mac, 'hex'), Buffer.from(sealed(owner, hour), 'latin1'))) return false
    return this.#spent.take(owner, this.#clock.monotonicMs())
  }

  #hour(): number {
    return Math.floor(this.#clock.now() / HOUR_MS)
  }
}

/** The tag is always equally long. */
function sealed(owner: string, hour: number): string {
  return `${owner}${hour}`
}
