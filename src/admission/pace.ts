/**
 * How many connections a node offers to take in a second: as many as its configuration allows, and fewer while what it
 * measures says that this is too much. Pure: it is told once a second what was measured.
 *
 * It keeps (test/property/pace.property.test.ts):
 *  A1 it offers no more than the most, and never less than the least, which is more than none
 *  A2 while nothing is strained it is back at the most within `CALM_TURNS`, wherever it was
 *  A3 while something is strained it offers less at each turn, down to the least
 *  A4 where connections themselves are the strain, it stays around what the node can take: once there, the most that it offers
 *     is no more than twice the least
 */

/** In milliseconds, over the last second. Absent: nothing was measured. */
export interface Signals {
  /** Of the event loop. */
  readonly lag?: number | undefined
  /** From the first word of a client to its welcome. */
  readonly connect?: number | undefined
  /** Until Redis has answered. */
  readonly store?: number | undefined
  /** Until the node hears what it sends itself through NATS. */
  readonly backbone?: number | undefined
}

export interface PaceTerms {
  readonly mostPerSecond: number
  /** From here on a signal is strain. 0: it does not count. */
  readonly limits: Readonly<Record<keyof Signals, number>>
}

/** Of the most: so much is offered at least, or nobody would ever find out that it is over. */
const LEAST_SHARE = 0.05
/** At strain the offer shrinks to this. */
const BACK = 0.7
/** Of the most: by so much it grows. */
const FORTH_SHARE = 0.05
/** Below this part of a limit nothing is strained; between it and the limit the offer stays, so that it does not swing. */
const CALM = 0.5

export const CALM_TURNS = Math.ceil((1 - LEAST_SHARE) / FORTH_SHARE) + 1

export class Pace {
  readonly #terms: PaceTerms
  #perSecond: number

  constructor(terms: PaceTerms) {
    this.#terms = terms
    this.#perSecond = terms.mostPerSecond
  }

  get perSecond(): number {
    return this.#perSecond
  }

  get least(): number {
    return Math.max(Math.min(1, this.#terms.mostPerSecond), this.#terms.mostPerSecond * LEAST_SHARE)
  }

  measured(signals: Signals): void {
    const { mostPerSecond } = this.#terms
    const strain = this.#strain(signals)
    if (strain >= 1) this.#perSecond = Math.max(this.least, this.#perSecond * BACK)
    else if (strain < CALM)
      this.#perSecond = Math.min(
        mostPerSecond,
        this.#perSecond + Math.max(this.least, mostPerSecond * FORTH_SHARE),
      )
  }

  #strain(signals: Signals): number {
    const { limits } = this.#terms
    let strain = 0
    for (const name of ['lag', 'connect', 'store', 'backbone'] as const) {
      const measured = signals[name]
      if (measured !== undefined && limits[name] > 0) strain = Math.max(strain, measured / limits[name])
    }
    return strain
  }
}

/** The mean of what was measured since it was last asked for. */
export class Mean {
  #sum = 0
  #count = 0

  add(value: number): void {
    this.#sum += value
    this.#count++
  }

  take(): number | undefined {
    const mean = this.#count === 0 ? undefined : this.#sum / this.#count
    this.#sum = this.#count = 0
    return mean
  }
}
