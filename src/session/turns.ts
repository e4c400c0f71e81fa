/**
 * Requests about one thing are carried out one after the other: an unsubscribe must not overtake its subscribe.
 */
/** In the place of a channel: the fresh tokens of a connection. No channel has this name. */
export const AUTH = ''

export class Turns {
  /** The last request about each thing that is not answered yet. */
  readonly #last = new Map<string, Promise<void>>()

  readonly #idle: () => void

  /** `idle`: nothing is left. */
  constructor(idle: () => void) {
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
