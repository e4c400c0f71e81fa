/**
 * Which requests are still to be answered: counted, so that one costs nothing of its own.
 */
import { turn } from '../clock.ts'

/** Those that have come since somebody waited last. */
export class Batch {
  open = 0
  #over: (() => void) | undefined

  /** One of them is over. */
  left(): void {
    this.open--
    if (this.open === 0) this.#over?.()
  }

  over(): Promise<void> {
    return this.open === 0 ? Promise.resolve() : new Promise((resolve) => (this.#over = resolve))
  }
}

export class UnderWay {
  #batch = new Batch()
  #earlier: Promise<unknown> = Promise.resolve()

  /** One more. Say `left` to the answer, once, when it is over. */
  enter(): Batch {
    this.#batch.open++
    return this.#batch
  }

  /** Resolves once all that have come so far are over. */
  async settled(): Promise<void> {
    const batch = this.#batch
    this.#batch = new Batch()
    this.#earlier = Promise.all([this.#earlier, batch.over()])
    await this.#earlier
    // An answer may leave at the end of its turn.
    await new Promise<void>((resolve) => turn.atEnd(resolve))
  }
}
