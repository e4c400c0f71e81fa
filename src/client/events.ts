/** Listeners by event. A listener that throws is told to `failed` and does not keep the others from hearing. */
export class Events<Map extends object> {
  readonly #failed: (event: keyof Map, cause: unknown) => void
  readonly #listeners: { [Event in keyof Map]?: Set<(value: Map[Event]) => void> } = {}

  constructor(failed: (event: keyof Map, cause: unknown) => void) {
    this.#failed = failed
  }

  /** The answer stops listening. */
  on<Event extends keyof Map>(event: Event, listener: (value: Map[Event]) => void): () => void {
    const listeners = (this.#listeners[event] ??= new Set())
    listeners.add(listener)
    return () => this.off(event, listener)
  }

  off<Event extends keyof Map>(event: Event, listener: (value: Map[Event]) => void): void {
    this.#listeners[event]?.delete(listener)
  }

  /** Whether anybody listens. */
  emit<Event extends keyof Map>(event: Event, value: Map[Event]): boolean {
    const listeners = [...(this.#listeners[event] ?? [])]
    for (const listener of listeners) {
      try {
        listener(value)
      } catch (cause) {
        this.#failed(event, cause)
      }
    }
    return listeners.length > 0
  }
}
