/**
 * The second listener of a running node, as a command uses it.
 */
import { CommandError } from './command-error.ts'
import { EXIT_USAGE } from '../config/config-error.ts'

export const API_URL = 'http://127.0.0.1:8081'

/** The key of `sluice dev`. */
export const DEV_KEY = 'dev'

/** A node that hangs is as good as none. */
const ANSWER_TIMEOUT_MS = 30_000

interface ApiFailureFields {
  /** Of the node; `unreachable` where none answers. */
  readonly code: string
  readonly retryable: boolean
  readonly retryAfterMs: number | undefined
}

/** A request that failed. The message says why, and what to do, in one line. */
export class ApiFailure extends CommandError {
  readonly code: string
  /** It may work later, as it is. */
  readonly retryable: boolean
  readonly retryAfterMs: number | undefined

  constructor(message: string, fields: ApiFailureFields) {
    super(message)
    this.code = fields.code
    this.retryable = fields.retryable
    this.retryAfterMs = fields.retryAfterMs
  }
}

export class GatewayApi {
  readonly #url: string
  readonly #key: string

  constructor(url: string, key: string) {
    this.#url = baseUrl(url)
    this.#key = key
  }

  /** Fails with `ApiFailure`. */
  get(path: string): Promise<unknown> {
    return this.#ask('GET', path, undefined, undefined)
  }

  /** `body` is JSON. Fails with `ApiFailure`. */
  post(path: string, body: string, signal?: AbortSignal): Promise<unknown> {
    return this.#ask('POST', path, body, signal)
  }

  /** Fails with `ApiFailure`. */
  delete(path: string): Promise<unknown> {
    return this.#ask('DELETE', path, undefined, undefined)
  }

  async #ask(
    method: string,
    path: string,
    body: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const timeout = AbortSignal.timeout(ANSWER_TIMEOUT_MS)
    let response
    let text
    try {
      response = await fetch(`${this.#url}${path}`, {
        method,
        headers: { authorization: `Bearer ${this.#key}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body }),
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
      })
      text = await response.text()
    } catch (error) {
      throw new ApiFailure(
        `no node answers at ${this.#url} (${reasonOf(error)}): start one with sluice dev, or say where it is with --url or SLUICE_API_URL`,
        { code: 'unreachable', retryable: true, retryAfterMs: undefined },
      )
    }
    const answer = parsed(text)
    if (response.ok && answer !== undefined) return answer
    throw this.#failureOf(response, answer)
  }

  #failureOf(response: Response, answer: unknown): ApiFailure {
    const retryAfterMs = Number(response.headers.get('retry-after') ?? Number.NaN) * 1000
    const fields = {
      // Proxies in front of a node answer with these for a while when it restarts.
      retryable: [429, 502, 503, 504].includes(response.status),
      retryAfterMs: Number.isFinite(retryAfterMs) ? retryAfterMs : undefined,
    }
    const error = errorOf(answer)
    if (error !== undefined)
      return new ApiFailure(`${error.code}: ${error.message}`, { code: error.code, ...fields })
    const message = `${this.#url} answered ${response.status}, and not as a node of Sluice does: is this its second listener?`
    return new ApiFailure(message, { code: 'internal', ...fields })
  }
}

function baseUrl(url: string): string {
  if (/^https?:\/\//.test(url) && URL.canParse(url)) return url.replace(/\/+$/, '')
  throw new CommandError(
    `${JSON.stringify(url)} is not the URL of the second listener; allowed: http or https, such as ${API_URL}`,
    EXIT_USAGE,
  )
}

/** `{"error":{"code","message"}}`, as nodes answer, for a request as a whole and for one message of it. */
export function errorOf(answer: unknown): { readonly code: string; readonly message: string } | undefined {
  const error = (answer as { error?: { code?: unknown; message?: unknown } } | undefined | null)?.error
  if (typeof error?.code !== 'string') return undefined
  return {
    code: error.code,
    message: typeof error.message === 'string' ? error.message : 'no reason was given',
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was cut',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the host name cannot be looked up now',
  ETIMEDOUT: 'the connection timed out',
  UND_ERR_SOCKET: 'the connection was cut',
}

/** `fetch` says "fetch failed"; why is in its cause, or in the causes of that. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'it did not answer in time'
  const cause = error instanceof Error ? (error.cause ?? error) : error
  const causes: readonly unknown[] = cause instanceof AggregateError ? cause.errors : [cause]
  const code = (causes[0] as { code?: unknown } | undefined)?.code
  if (typeof code === 'string') return REASONS[code] ?? code
  return cause instanceof Error ? cause.message : 'the connection failed'
}
