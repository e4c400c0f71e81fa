/**
 * Who asks on the second listener, and what he may: the bearer of an API key, here or at the node that asks in his name.
 */
import { checkChannel, checkScope, type Grant, type Scope } from '../auth/grant.ts'

/** Where a request came from, for the log. */
export interface Trace {
  readonly requestId: string
  readonly remoteAddress: string
  /** The node that was asked, and asks here. Absent: this one was asked. */
  readonly via?: string
}

export class Caller {
  readonly grant: Grant
  readonly trace: Trace
  readonly #refused: (caller: Caller, error: unknown) => void

  constructor(grant: Grant, trace: Trace, refused: (caller: Caller, error: unknown) => void) {
    this.grant = grant
    this.trace = trace
    this.#refused = refused
  }

  /** Fails with `forbidden`. */
  checkScope(scope: Scope): void {
    this.#checked(() => checkScope(this.grant, scope))
  }

  /** Fails with `forbidden`. `channel`: by its internal name. */
  checkChannel(channel: string): void {
    this.#checked(() => checkChannel(this.grant, channel))
  }

  #checked(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.#refused(this, error)
      throw error
    }
  }
}
