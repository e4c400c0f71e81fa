/**
 * Whether this node hears what is sent to it. A connection can look well and carry nothing (a subscription that the
 * server has lost, a permission that was taken away, half a network), so each node sends itself a word through the
 * backbone and listens for it.
 *
 * A node that is deaf loses no logged message for good, as long as its feeds ask the log: that is done for as long as
 * nothing is heard.
 */
import type { Clock, Timer } from '../clock.ts'

export interface CanaryPorts {
  readonly clock: Clock
  /** Sends the word to this node itself, the way that messages go. */
  send(word: number): void
  /** Heard again, or not any more. */
  changed(deaf: boolean): void
  /** The word of the last beat was heard after so long. */
  heardAfter(ms: number): void
  /** Nothing is heard, and this was another interval of it: what was sent meanwhile has to be fetched. */
  missed(): void
}

export interface CanaryOptions {
  readonly intervalMs: number
  /** So many words in a row are lost before the node counts as deaf. */
  readonly missedMax: number
}

export class Canary {
  readonly #ports: CanaryPorts
  readonly #options: CanaryOptions
  readonly #timer: Timer
  #sent = 0
  #sentAtMs = 0
  #heard = 0
  #deaf = false

  constructor(options: CanaryOptions, ports: CanaryPorts) {
    this.#options = options
    this.#ports = ports
    this.#timer = ports.clock.every(options.intervalMs, () => this.#beat())
  }

  get deaf(): boolean {
    return this.#deaf
  }

  heard(word: number): void {
    // A word of an earlier life of the connection may come late.
    if (word <= this.#heard || word > this.#sent) return
    this.#heard = word
    if (word === this.#sent) this.#ports.heardAfter(this.#ports.clock.monotonicMs() - this.#sentAtMs)
    this.#become(false)
  }

  /** The backbone has come back: a word now tells sooner than the next beat that this node hears. */
  send(): void {
    this.#sent++
    this.#sentAtMs = this.#ports.clock.monotonicMs()
    this.#ports.send(this.#sent)
  }

  close(): void {
    this.#timer.cancel()
  }

  #beat(): void {
    const missed = this.#sent - this.#heard
    if (missed >= this.#options.missedMax) {
      this.#become(true)
      this.#ports.missed()
    }
    this.send()
  }

  #become(deaf: boolean): void {
    if (deaf === this.#deaf) return
    this.#deaf = deaf
    this.#ports.changed(deaf)
  }
}
