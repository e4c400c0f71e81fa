import { Held } from './held.ts'

/** What React reads of the world outside of it: a value that is replaced whole, and who wants to know of that. */
export abstract class Store<View> {
  #view: View
  readonly #listeners = new Set<() => void>()
  readonly #held = new Held(
    () => this.begin(),
    () => this.end(),
  )

  constructor(view: View) {
    this.#view = view
  }

  /** For `useSyncExternalStore`: bound, and the same for as long as the store is. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    const release = this.#held.hold()
    return () => {
      this.#listeners.delete(listener)
      release()
    }
  }

  readonly view = (): View => this.#view

  /** Somebody is mounted. Nothing happens before that: what is rendered may never be. */
  protected abstract begin(): void
  /** Nobody is any more. */
  protected abstract end(): void

  protected set(changes: Partial<View>): void {
    this.#view = { ...this.#view, ...changes }
    for (const listener of [...this.#listeners]) listener()
  }
}

/** In the place of a store where there is nothing to show. */
export function neverChanges(): () => void {
  return () => undefined
}
