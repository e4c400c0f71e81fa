/**
 * How many messages an acknowledgement covers, without anything for each message and subscriber. Pure.
 *
 * Offsets do not grow by one, so what lies between two of them has to be counted. A durable channel numbers what it hands
 * to all who are live on it, and remembers the last numbers with their offsets; a subscriber remembers the number up to which it has
 * acknowledged. What it was given alone (a replay) it remembers by its offsets until they are acknowledged.
 *
 *  D1 each message that a subscriber was given is counted once: when it is acknowledged, or as open when it has gone
 *  D2 an acknowledgement that covers nothing new counts nothing
 *  D3 what is remembered is bounded; what is acknowledged later than that is counted with the next acknowledgement
 */

/** Of a channel: more than are under way between a write and the client's word. */
const REMEMBERED_MAX = 512
/** Of a subscriber: more than one page of a replay. */
const ALONE_MAX = 1024

export class Deliveries {
  #count = 0
  #epoch = ''
  readonly #offsets: number[] = []
  readonly #times: number[] = []

  /** How many messages were handed to those who were live, since this is here. */
  get count(): number {
    return this.#count
  }

  /** `time`: when it was accepted. */
  add(epoch: string, offset: number, time: number): void {
    if (epoch !== this.#epoch) {
      this.#epoch = epoch
      this.#offsets.length = this.#times.length = 0
    }
    this.#count++
    this.#offsets.push(offset)
    this.#times.push(time)
    if (this.#offsets.length < 2 * REMEMBERED_MAX) return
    this.#offsets.splice(0, REMEMBERED_MAX)
    this.#times.splice(0, REMEMBERED_MAX)
  }

  /** The number of the last message up to an offset. `undefined`: it is forgotten, or before all of them. */
  upTo(offset: number): number | undefined {
    const at = this.#indexAfter(offset)
    return at === 0 ? undefined : this.#count - this.#offsets.length + at
  }

  /** When the message at an offset was accepted, where that is remembered. */
  timeOf(offset: number): number | undefined {
    const at = this.#indexAfter(offset) - 1
    return this.#offsets[at] === offset ? this.#times[at] : undefined
  }

  /** The offsets behind a number, as far as they are remembered. */
  behind(number: number): number[] {
    return this.#offsets.slice(Math.max(0, this.#offsets.length - (this.#count - number)))
  }

  #indexAfter(offset: number): number {
    let low = 0
    let high = this.#offsets.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#offsets[middle] as number) <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Of one subscriber of a durable channel. */
export class Unacknowledged {
  /** While it is live: see `Subscription.liveSince`. */
  liveSince = 0
  /** What it was given alone, by growing offsets. */
  #alone: number[] = []
  /** Forgotten of these: so many more, all of them older. */
  #older = 0
  /** While it is live: the number up to which it has acknowledged. */
  #upTo: number | undefined

  /** From here on it gets what all get; nothing new where it does already. */
  live(count: number): void {
    this.#upTo ??= count
  }

  /** It gets nothing of what follows, until it is live again. */
  behind(deliveries: Deliveries): void {
    if (this.#upTo === undefined) return
    const open = deliveries.count - this.#upTo
    const known = deliveries.behind(this.#upTo)
    this.#older += open - known.length
    for (const offset of known) this.given(offset)
    this.#upTo = undefined
  }

  /** To it alone. */
  given(offset: number): void {
    this.#alone.push(offset)
    if (this.#alone.length <= ALONE_MAX) return
    this.#alone.shift()
    this.#older++
  }

  /** How many of those it was given this covers for the first time. */
  acknowledge(offset: number, deliveries: Deliveries | undefined): number {
    const keep = this.#alone.findIndex((one) => one > offset)
    const covered = keep === -1 ? this.#alone.splice(0) : this.#alone.splice(0, keep)
    // What is older than any that is remembered is covered with the first of them.
    const older = covered.length > 0 ? this.#older : 0
    this.#older -= older
    return covered.length + older + this.#live(offset, deliveries)
  }

  /** How many it was given and has not acknowledged. */
  open(deliveries: Deliveries | undefined): number {
    const live = this.#upTo === undefined || deliveries === undefined ? 0 : deliveries.count - this.#upTo
    return this.#alone.length + this.#older + live
  }

  #live(offset: number, deliveries: Deliveries | undefined): number {
    if (this.#upTo === undefined || deliveries === undefined) return 0
    const number = deliveries.upTo(offset)
    if (number === undefined || number <= this.#upTo) return 0
    const covered = number - this.#upTo
    this.#upTo = number
    return covered
  }
}
