/**
 * The token in hand and the way to a fresh one. A token is kept for as long as it is good: a fleet that reconnects must
 * not become a storm on the application's token endpoint.
 */
import { ClientError, isLoggedOut } from './errors.ts'
import type { Time } from './time.ts'

export type TokenSource = string | (() => string | Promise<string>)

export class Tokens {
  readonly #source: TokenSource | undefined
  readonly #time: Pick<Time, 'now'>
  #token: string | undefined
  #fetching: Promise<string> | undefined
  /** When the token in hand ends, milliseconds since 1970, as the gateway said. */
  expiresAtMs: number | undefined

  constructor(source: TokenSource | undefined, time: Pick<Time, 'now'>) {
    this.#source = source
    this.#time = time
  }

  /**
   * The token in hand, or a fresh one. Rejects with a `ClientError` where the application's function fails, the same one for all who
   * wait.
   */
  async get(): Promise<string | undefined> {
    const source = this.#source
    if (typeof source !== 'function') return source
    if (this.expiresAtMs !== undefined && this.#time.now() >= this.expiresAtMs) this.refuse()
    return this.#token ?? this.#fetch(source)
  }

  /** A fresh token, even where the one in hand is good. */
  renew(): Promise<string | undefined> {
    this.refuse()
    return this.get()
  }

  /**
   * A token was not accepted: it is not used again. One that was fetched meanwhile stays.
   * Answers whether there can be another.
   */
  refuse(token = this.#token): boolean {
    if (token === this.#token) {
      this.#token = undefined
      this.expiresAtMs = undefined
    }
    return typeof this.#source === 'function'
  }

  /** Whoever wants a token while one is being fetched waits for that one. */
  #fetch(source: () => string | Promise<string>): Promise<string> {
    return (this.#fetching ??= (async () => {
      try {
        const token: unknown = await source()
        if (typeof token === 'string' && token !== '') return (this.#token = token)
        throw new ClientError('unauthorized', `the token function gave no token, but ${shown(token)}`)
      } catch (cause) {
        if (cause instanceof ClientError) throw cause
        const why = cause instanceof Error ? `: ${cause.message}` : ''
        throw isLoggedOut(cause)
          ? new ClientError('unauthorized', `the token function says that nobody is logged in${why}`, {
              cause,
            })
          : new ClientError('handler', `the token function failed${why}`, { cause })
      } finally {
        this.#fetching = undefined
      }
    })())
  }
}

/** What came in place of a token, without showing one. Of `undefined` it is that, which a text shows as well. */
function shown(value: unknown): string {
  return value ? typeof value : JSON.stringify(value)
}
