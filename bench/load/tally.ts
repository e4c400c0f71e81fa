/**
 * Who has received what. Every message must reach everybody it is for exactly once; anything else fails the run, because a
 * server that loses or repeats messages is not being compared.
 */

/** `everyone`: each message is for all subscribers. `one`: message n is for subscriber n modulo their number. */
export type Audience = 'everyone' | 'one'

export interface TallyOptions {
  readonly subscribers: number
  readonly audience: Audience
  /** Everybody it is for has the message. */
  readonly completed: () => void
  readonly failed: (problem: string) => void
}

export class Tally {
  readonly #options: TallyOptions
  readonly #first: number
  readonly #count: number
  /** One bit for each message, a row for each subscriber; one row where a message is for one. */
  readonly #seen: Uint32Array
  readonly #wordsPerRow: number
  readonly #received: Uint32Array
  readonly #expected: number
  deliveries = 0

  /** For the messages numbered `first` and following. */
  constructor(first: number, count: number, options: TallyOptions) {
    this.#options = options
    this.#first = first
    this.#count = count
    this.#wordsPerRow = Math.ceil(count / 32)
    this.#expected = options.audience === 'everyone' ? options.subscribers : 1
    this.#seen = new Uint32Array(
      this.#wordsPerRow * (options.audience === 'everyone' ? options.subscribers : 1),
    )
    this.#received = new Uint32Array(count)
  }

  take(subscriber: number, number: number): void {
    const index = number - this.#first
    const { audience, subscribers, failed, completed } = this.#options
    if (!(index >= 0 && index < this.#count)) {
      failed(`subscriber ${subscriber} received message ${number}, which is not of this run`)
      return
    }
    if (audience === 'one' && number % subscribers !== subscriber) {
      failed(`subscriber ${subscriber} received message ${number}, which is for ${number % subscribers}`)
      return
    }
    const row = audience === 'everyone' ? subscriber : 0
    const word = row * this.#wordsPerRow + (index >>> 5)
    const bit = 1 << (index & 31)
    const seen = this.#seen[word] as number
    if ((seen & bit) !== 0) {
      failed(`subscriber ${subscriber} received message ${number} twice`)
      return
    }
    this.#seen[word] = seen | bit
    this.deliveries++
    const received = (this.#received[index] as number) + 1
    this.#received[index] = received
    if (received === this.#expected) completed()
  }
}
