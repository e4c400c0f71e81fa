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
  readonly #source: { readonly trace: Trace }
  readonly #refused: (caller: Caller, error: unknown) => void

  /** `source` is asked for the trace when somebody wants it: most requests are written down nowhere. */
  constructor(
    grant: Grant,
    source: { readonly trace: Trace },
    refused: (caller: Caller, error: unknown) => void,
  ) {
    this.grant = grant
    this.#source = source
    this.#refused = refused
  }

  get trace(): Trace {
    return this.#source.trace
  }

  /** Fails with `forbidden`. */
  checkScope(scope: Scope): void {
    this.#checked(checkScope, scope)
  }

  /** Fails with `forbidden`. `channel`: by its internal name. */
  checkChannel(channel: string): void {
    this.#checked(checkChannel, channel)
  }

  #checked<What>(check: (grant: Grant, what: What) => void, what: What): void {
    try {
      check(this.grant, what)
    } catch (error) {
      this.#refused(this, error)
      throw error
    }
  }
}
