/**
 * How long it takes until clients have what is written to them: measured with a few that offer it, for a message of a channel now
 * and then. Pure, but for the promises: it is told the time, and of what happens.
 *
 *   (offers) ── asked ──▶ waits ── a message of the channel is written ──▶ is answered ── asks again, which acknowledges ──▶ a pause
 *
 * A client that never answers holds its place for a while. What it says is worth no more than one sample in ten seconds, so that
 * one that lies shows little; nobody else waits for either.
 */
import { SluiceError } from '../errors.ts'
import { inboxOf, INBOX } from '../protocol/channel.ts'

/** Clients that wait for a message, or are waited for. */
export const PLACES_MAX = 64
/** No message has come by then: another client may have the place. Below what clients wait for an answer. */
export const WAIT_MS_MAX = 10_000
/** An acknowledgement that comes later is none. */
export const ANSWER_MS_MAX = 30_000
/** Between two samples of a user. */
export const SAMPLE_MS = 10_000

export interface Probed {
  readonly id: string
  readonly user: string
  subscriptionOf(channel: string): unknown
}

export interface ProbesPorts<S extends Probed> {
  /** Milliseconds of a clock that never jumps. */
  now(): number
  /** After how long a client may offer itself again. */
  pauseMs(): number
  acknowledged(session: S, seconds: number): void
}

/** `undefined`: a message has just been written, and the next request acknowledges it. Else milliseconds until the next one. */
export type ProbeAnswer = number | undefined

interface Waiting<S> {
  readonly session: S
  readonly sinceMs: number
  readonly name: string
  readonly answer: (value: ProbeAnswer) => void
}

export class Probes<S extends Probed> {
  readonly #ports: ProbesPorts<S>
  /** By the id of the session, as the others. */
  readonly #waiting = new Map<string, Waiting<S>>()
  /** Those of `#waiting`, by the channel's name in the gateway. */
  readonly #byName = new Map<string, Set<string>>()
  /** When the message was written that a client is to acknowledge. */
  readonly #written = new Map<string, number>()
  /** When a user was last sampled, the oldest first. */
  readonly #lately = new Map<string, number>()

  constructor(ports: ProbesPorts<S>) {
    this.#ports = ports
  }

  /** Fails with `bad_request` where the client is not subscribed to the channel. */
  async asked(session: S, channel: string): Promise<ProbeAnswer> {
    const now = this.#ports.now()
    const writtenMs = this.#written.get(session.id)
    if (writtenMs !== undefined) {
      this.#written.delete(session.id)
      if (now - writtenMs <= ANSWER_MS_MAX) this.#ports.acknowledged(session, (now - writtenMs) / 1000)
      return this.#ports.pauseMs()
    }
    if (session.subscriptionOf(channel) === undefined)
      throw new SluiceError('bad_request', `a probe is for a channel that is subscribed, not ${channel}`)
    const full = this.#waiting.size + this.#written.size >= PLACES_MAX
    if (full || this.#waiting.has(session.id) || this.#lately.has(session.user)) return this.#ports.pauseMs()
    const name = channel === INBOX ? inboxOf(session.user) : channel
    return new Promise((answer) => {
      this.#waiting.set(session.id, { session, sinceMs: now, name, answer })
      const same = this.#byName.get(name) ?? new Set()
      this.#byName.set(name, same.add(session.id))
    })
  }

  /** For each message of a node: a channel that nobody waits for is a look at an empty table. */
  written(name: string): void {
    if (this.#byName.size === 0) return
    const now = this.#ports.now()
    for (const id of this.#byName.get(name) ?? []) {
      const { session } = this.#waiting.get(id) as Waiting<S>
      this.#lately.set(session.user, now)
      this.#written.set(id, now)
      this.#answer(id, undefined)
    }
  }

  /** Every few seconds. */
  sweep(): void {
    const now = this.#ports.now()
    for (const [id, { sinceMs }] of this.#waiting)
      if (now - sinceMs >= WAIT_MS_MAX) this.#answer(id, this.#ports.pauseMs())
    for (const [id, atMs] of this.#written) if (now - atMs > ANSWER_MS_MAX) this.#written.delete(id)
    for (const [user, atMs] of this.#lately) if (now - atMs >= SAMPLE_MS) this.#lately.delete(user)
  }

  /** Its connection has ended. */
  left(id: string): void {
    this.#written.delete(id)
    this.#answer(id, this.#ports.pauseMs())
  }

  #answer(id: string, value: ProbeAnswer): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    this.#waiting.delete(id)
    const same = this.#byName.get(waiting.name)
    same?.delete(id)
    if (same?.size === 0) this.#byName.delete(waiting.name)
    waiting.answer(value)
  }
}
