/**
 * Requests about one thing are carried out one after the other: an unsubscribe must not overtake its subscribe, nor a message
 * of an inbox the one before it.
 */
export class Turns {
  /** The last request about each thing that is not answered yet. */
  readonly #last = new Map<string, Promise<void>>()

  readonly #idle: () => void

  /** `idle` is called whenever nothing is left. */
  constructor(idle: () => void = () => undefined) {
    this.#idle = idle
  }

  /** Runs once everything before it about the same thing is over, at once where nothing is. */
  take<Answer>(about: string, run: () => Promise<Answer>): Promise<Answer> {
    const before = this.#last.get(about)
    const answer = before === undefined ? run() : before.then(run)
    const over = (): void => {
      if (this.#last.get(about) !== settled) return
      this.#last.delete(about)
      if (this.#last.size === 0) this.#idle()
    }
    const settled = answer.then(over, over)
    this.#last.set(about, settled)
    return answer
  }
}
