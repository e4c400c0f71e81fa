/**
 * How long a drain whose last client has left waits for the word that those who left are elsewhere. Pure.
 *
 * What a client may take for that follows from the configuration, as long as nobody is late; who is late shows by words that
 * still come in, by others that are not well, or by a node that gets no processor itself. It keeps
 * (test/property/drain-return.property.test.ts):
 *  W1 it is not over before `returnMs` have passed since somebody left, or was heard of
 *  W2 only time counts in which others took clients, and in which this node could hear them: of a turn of the loop that was late
 *     no more than one that was not, since what came meanwhile is read behind the timers
 *  W3 it is over once `mostMs` have been heard since somebody left, whatever comes in and however others are
 */

/** A turn of the loop that took longer was late. */
const TURN_MAX_MS = 500

export interface ReturnTerms {
  readonly returnMs: number
  /** The longest, where words come in or others are not well. */
  readonly mostMs: number
}

/** Of a capacity: whether others take clients in now. */
interface Taking {
  readonly ok: boolean
  readonly room: number
  readonly alone?: true
  readonly cutOff?: true
}

export class ReturnWait {
  readonly #terms: ReturnTerms
  #atMs: number
  /** So much of it has been heard: since somebody left, and since a word besides. */
  #heardMs = 0
  #quietMs = 0

  constructor(terms: ReturnTerms, nowMs: number) {
    this.#terms = terms
    this.#atMs = nowMs
  }

  left(nowMs: number): void {
    this.word(nowMs)
    this.#heardMs = 0
  }

  /** One who had left is elsewhere. */
  word(nowMs: number): void {
    this.#hear(nowMs)
    this.#quietMs = 0
  }

  /** Called again and again. Where nobody could take anybody in, or be heard, there is nothing to wait for. */
  tick(nowMs: number, { ok, room, alone, cutOff }: Taking): void {
    const heardMs = this.#hear(nowMs)
    if ((ok && room >= 1) || alone === true || cutOff === true) this.#quietMs += heardMs
  }

  get isOver(): boolean {
    const { returnMs, mostMs } = this.#terms
    return this.#quietMs >= returnMs || this.#heardMs >= Math.max(returnMs, mostMs)
  }

  #hear(nowMs: number): number {
    const heardMs = Math.min(Math.max(0, nowMs - this.#atMs), TURN_MAX_MS)
    this.#atMs = nowMs
    this.#heardMs += heardMs
    return heardMs
  }
}
