/**
 * Requests to the API of the gateway, repeated until one is answered: every one of them may be, since a publish has an id by which the gateway
 * knows a repeat.
 */
import { SluiceError, type ApiErrorCode } from './errors.ts'
import { pauseMs, retryAfterMs, type BackoffOptions } from './retry.ts'

export interface CallerOptions {
  readonly url: string
  readonly key: string
  readonly timeoutMs: number
  readonly backoff: BackoffOptions
  readonly fetch: typeof globalThis.fetch
}

export interface Asked {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  /** JSON. */
  readonly body?: string
  /** Milliseconds since 1970: nothing is tried after that. */
  readonly deadlineAtMs: number
  readonly signal: AbortSignal | undefined
}

/** What to do about it, beside what the gateway says is wrong. */
const ADVICE: Readonly<Partial<Record<number, string>>> = {
  401: '`key` is to be one of `api.keys` (SLUICE_API_KEYS) of the gateway',
  403: 'give the key the scope and the namespaces in `api.keys`',
}

export class Caller {
  readonly #options: CallerOptions
  readonly #root: string

  constructor(options: CallerOptions) {
    this.#options = options
    this.#root = options.url.replace(/\/+$/, '')
  }

  /** Rejects with a `SluiceError`, or with the reason of the signal. */
  async ask(asked: Asked): Promise<unknown> {
    for (let attempt = 0; ; attempt++) {
      asked.signal?.throwIfAborted()
      try {
        return await this.#once(asked)
      } catch (error) {
        if (!(error instanceof SluiceError) || !error.retryable) throw error
        await this.pause(attempt, error, asked)
      }
    }
  }

  /** Before another attempt. Rejects with the error where there is no time for one. */
  async pause(
    attempt: number,
    error: SluiceError,
    { deadlineAtMs, signal }: Omit<Asked, 'method' | 'path'>,
  ): Promise<void> {
    const waitMs = pauseMs(this.#options.backoff, attempt, error.retryAfterMs, Math.random())
    if (Date.now() + waitMs >= deadlineAtMs) {
      const asks =
        error.retryAfterMs === undefined ? '' : `; it asks to come back after ${error.retryAfterMs / 1000} s`
      const { code, status, requestId } = error
      throw new SluiceError(
        code,
        `${error.message} (given up after ${attempt + 1} attempts: \`deadlineMs\`${asks})`,
        {
          ...{ status, requestId, retryAfterMs: error.retryAfterMs },
          cause: error.cause ?? error,
        },
      )
    }
    await new Promise<void>((resolve, reject) => {
      const over = (): void => {
        signal?.removeEventListener('abort', aborted)
        resolve()
      }
      const timer = setTimeout(over, waitMs)
      const aborted = (): void => {
        clearTimeout(timer)
        reject(signal?.reason as Error)
      }
      signal?.addEventListener('abort', aborted, { once: true })
    })
  }

  async #once({ method, path, body, deadlineAtMs, signal }: Asked): Promise<unknown> {
    const { key, timeoutMs, fetch } = this.#options
    const limit = new AbortController()
    const timer = setTimeout(() => limit.abort(), Math.min(timeoutMs, Math.max(deadlineAtMs - Date.now(), 1)))
    const abort = (): void => limit.abort()
    signal?.addEventListener('abort', abort, { once: true })
    try {
      const response = await fetch(this.#root + path, {
        method,
        // The key goes nowhere but to this address.
        redirect: 'manual',
        signal: limit.signal,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body }),
      })
      // Read in any case: the connection is used again only then.
      const text = await response.text()
      const json = parsed(text)
      if (response.ok && json !== undefined) return json
      throw this.#refused(response, json)
    } catch (error) {
      if (error instanceof SluiceError) throw error
      signal?.throwIfAborted()
      throw this.#unreachable(error, limit.signal.aborted)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  }

  #refused({ status, headers }: Response, json: unknown): SluiceError {
    const more = {
      status,
      requestId: headers.get('x-request-id') ?? undefined,
      retryAfterMs: retryAfterMs(headers.get('retry-after'), Date.now()),
    }
    const { error } = (json ?? {}) as {
      readonly error?: { readonly code?: string; readonly message?: string }
    }
    if (typeof error?.code === 'string' && typeof error.message === 'string') {
      const advice = ADVICE[status]
      const message = advice === undefined ? error.message : `${error.message}: ${advice}`
      return new SluiceError(error.code as ApiErrorCode, message, more)
    }
    return new SluiceError(
      'unexpected',
      `${this.#root} answered ${status}, not as the API of Sluice does: \`url\` is to be that of its second listener (port 8081 where nothing else is configured)`,
      more,
    )
  }

  #unreachable(cause: unknown, late: boolean): SluiceError {
    const why = late ? 'did not answer in time' : `cannot be reached (${reasonOf(cause)})`
    return new SluiceError(
      'unreachable',
      `the API of Sluice at ${this.#root} ${why}: is \`url\` that of its second listener, and is the gateway running?`,
      { cause },
    )
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    // A page of a proxy: whoever asked is told that it is none of Sluice's.
    return undefined
  }
}

/** `fetch` says "fetch failed", and hides why one or two levels below. */
function reasonOf(thrown: unknown): string {
  const { cause = thrown } = thrown as { readonly cause?: unknown }
  const { errors } = cause as { readonly errors?: readonly unknown[] }
  const { code, message } = ((errors?.[0] as object | undefined) ?? cause) as {
    readonly code?: string
    readonly message?: string
  }
  return code ?? message ?? String(cause)
}
