/**
 * The grants of a node that is alone.
 */
import type { GrantStore } from './grant-store.ts'
import type { Clock } from '../clock.ts'

interface Kept {
  readonly text: string
  readonly untilMs: number
}

/** Of more the oldest are forgotten: their users are asked for again. */
const GRANTS_MAX = 1_000_000

export class MemoryGrantStore implements GrantStore {
  readonly #clock: Pick<Clock, 'now'>
  readonly #users = new Map<string, Map<string, Kept>>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  get(user: string, name: string): Promise<string | undefined> {
    const kept = this.#users.get(user)?.get(name)
    return Promise.resolve(kept !== undefined && kept.untilMs > this.#clock.now() ? kept.text : undefined)
  }

  put(user: string, name: string, text: string, ttlMs: number): Promise<void> {
    const grants = this.#users.get(user) ?? new Map<string, Kept>()
    const nowMs = this.#clock.now()
    for (const [other, { untilMs }] of grants) if (untilMs <= nowMs) grants.delete(other)
    grants.set(name, { text, untilMs: nowMs + ttlMs })
    this.#users.delete(user)
    this.#users.set(user, grants)
    for (const oldest of this.#users.keys()) {
      if (this.#users.size <= GRANTS_MAX) break
      this.#users.delete(oldest)
    }
    return Promise.resolve()
  }

  drop(user: string): Promise<void> {
    this.#users.delete(user)
    return Promise.resolve()
  }
}
