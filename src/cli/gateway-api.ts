/**
 * The second listener of a running node, as a command uses it.
 */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { CommandError } from './command-error.ts'
import { EXIT_USAGE } from '../config/config-error.ts'
import { DEV_KEY } from '../config/dev-settings.ts'
import { askHttp, type HttpAnswer } from '../drivers/http-client.ts'
import { readEvents } from '../drivers/http-events.ts'
import { NPX } from '../package-names.ts'

export const API_URL = 'http://127.0.0.1:8081'

/** A node that hangs is as good as none. */
const ANSWER_TIMEOUT_MS = 30_000
const ANSWER_BYTES_MAX = 67_108_864

interface ApiFailureFields {
  /** Of the node; `unreachable` where none answers. */
  readonly code: string
  readonly retryable: boolean
  readonly retryAfterMs: number | undefined
  /** It has not left this machine. */
  readonly unsent?: boolean
}

/** A request that failed. The message says why, and what to do, in one line. */
export class ApiFailure extends CommandError {
  readonly code: string
  /** It may work later, as it is. */
  readonly retryable: boolean
  readonly retryAfterMs: number | undefined
  readonly unsent: boolean

  constructor(message: string, fields: ApiFailureFields) {
    super(message)
    this.code = fields.code
    this.retryable = fields.retryable
    this.retryAfterMs = fields.retryAfterMs
    this.unsent = fields.unsent === true
  }
}

/** Where it is, with which key, and whose certificates it has: as flags, or in the environment. */
export interface ApiOptions {
  readonly url?: string
  readonly key?: string
  readonly ca?: string
}

/** `which`: "a node" or "any node". `scope`: that the key needs. */
export function addApiOptions(command: Command, which: string, scope?: string): Command {
  const needed = scope === undefined ? '' : ` with the scope ${scope}`
  return command
    .option(
      '--url <url>',
      `the second listener of ${which}, or those of several with commas between (SLUICE_API_URL, or ${API_URL})`,
    )
    .option('--key <key>', `an API key${needed} (SLUICE_API_KEY, or ${DEV_KEY})`)
    .option(
      '--ca <file>',
      'whom its certificate comes from, in PEM (SLUICE_API_CA, or whoever the system trusts)',
    )
}

/** Fails with `CommandError`. */
export function apiOf({ url, key, ca }: ApiOptions, env: NodeJS.ProcessEnv): GatewayApi {
  const caFile = ca ?? (env['SLUICE_API_CA'] || undefined)
  return new GatewayApi(
    url ?? (env['SLUICE_API_URL'] || API_URL),
    key ?? (env['SLUICE_API_KEY'] || DEV_KEY),
    caFile === undefined ? undefined : certificatesIn(caFile),
  )
}

function certificatesIn(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new CommandError(
      `the file of --ca, ${JSON.stringify(file)}, cannot be read: ${(error as Error).message}`,
      EXIT_USAGE,
    )
  }
}

/** Several nodes of one cluster, and which of them is asked: the next one where that does not answer. */
export class GatewayApi {
  readonly #urls: readonly string[]
  #asked = 0
  readonly #key: string
  readonly #ca: string | undefined

  /** `url`: one, or several with commas between. `ca`: certificates in PEM; `undefined`: those that the system trusts. */
  constructor(url: string, key: string, ca?: string) {
    this.#urls = url.split(',').map((one) => baseUrl(one.trim()))
    this.#key = key
    this.#ca = ca
  }

  /** Fails with `ApiFailure`. */
  get(path: string): Promise<unknown> {
    return this.#ask('GET', path, undefined, undefined)
  }

  /** `body` is JSON. Fails with `ApiFailure`. */
  post(path: string, body: string, signal?: AbortSignal): Promise<unknown> {
    return this.#ask('POST', path, body, signal)
  }

  /** `body` is JSON. Fails with `ApiFailure`. */
  put(path: string, body?: string): Promise<unknown> {
    return this.#ask('PUT', path, body, undefined)
  }

  /** Fails with `ApiFailure`. */
  delete(path: string): Promise<unknown> {
    return this.#ask('DELETE', path, undefined, undefined)
  }

  /** Until the stream ends, or the signal ends it. `event` takes the data of each. Fails with `ApiFailure`. */
  events(path: string, event: (data: string) => void, signal: AbortSignal): Promise<void> {
    return this.#anywhere(false, () => this.#eventsOfOne(path, event, signal))
  }

  async #eventsOfOne(path: string, event: (data: string) => void, signal: AbortSignal): Promise<void> {
    const url = `${this.#url}${path}`
    const headers = { authorization: `Bearer ${this.#key}` }
    const answer = await readEvents(
      { url, headers, ca: this.#ca, signal, bytesMax: ANSWER_BYTES_MAX },
      event,
    ).catch((error: unknown) => {
      throw this.#unreachable(error)
    })
    if (answer.status !== 200) throw this.#failureOf(answer, parsed(answer.text))
  }

  #unreachable(error: unknown): ApiFailure {
    return new ApiFailure(
      `no node answers at ${this.#url} (${reasonOf(error)}): start one with ${NPX} dev, or say where it is with --url or SLUICE_API_URL`,
      { code: 'unreachable', retryable: true, retryAfterMs: undefined, unsent: isUnsent(error) },
    )
  }

  get #url(): string {
    return this.#urls[this.#asked % this.#urls.length] as string
  }

  /** The key goes where whoever has called said, and nowhere that a node names: others may write in the table of nodes. */
  async #anywhere<T>(mayRepeat: boolean, ask: () => Promise<T>): Promise<T> {
    for (let left = this.#urls.length; ;) {
      const tried = this.#url
      try {
        return await ask()
      } catch (error) {
        if (!(error instanceof ApiFailure) || error.code !== 'unreachable') throw error
        // Another request may have gone on to the next one meanwhile.
        if (this.#url === tried) this.#asked++
        // What may have been carried out is not asked for again here: whoever has called knows whether it may be.
        if (--left === 0 || !(mayRepeat || error.unsent)) throw error
      }
    }
  }

  #ask(
    method: string,
    path: string,
    body: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    return this.#anywhere(method === 'GET', () => this.#askOne(method, path, body, signal))
  }

  async #askOne(
    method: string,
    path: string,
    body: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    let answer
    try {
      answer = await askHttp({
        url: `${this.#url}${path}`,
        method,
        headers: { authorization: `Bearer ${this.#key}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body }),
        ca: this.#ca,
        timeoutMs: ANSWER_TIMEOUT_MS,
        signal,
        answerBytesMax: ANSWER_BYTES_MAX,
      })
    } catch (error) {
      throw this.#unreachable(error)
    }
    const json = parsed(answer.text)
    if (answer.status >= 200 && answer.status < 300 && json !== undefined) return json
    throw this.#failureOf(answer, json)
  }

  #failureOf({ status, headers }: HttpAnswer, answer: unknown): ApiFailure {
    const retryAfterMs = Number(headers['retry-after'] ?? Number.NaN) * 1000
    const fields = {
      // Proxies in front of a node answer with these for a while when it restarts.
      retryable: [429, 502, 503, 504].includes(status),
      retryAfterMs: Number.isFinite(retryAfterMs) ? retryAfterMs : undefined,
    }
    const error = errorOf(answer)
    if (error !== undefined)
      return new ApiFailure(`${error.code}: ${error.message}`, { code: error.code, ...fields })
    const message = `${this.#url} answered ${status}, and not as a node of Sluice does: is this its second listener?`
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

const UNKNOWN_CA = 'its certificate is of nobody that is known here: name its CA with --ca'

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was cut',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the host name cannot be looked up now',
  ETIMEDOUT: 'it did not answer in time',
  EMSGSIZE: 'its answer is too large to be one of a node',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_CA,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_CA,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_CA,
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  EPROTO: 'it does not speak TLS',
}

/** Of a name with several addresses, each has failed. */
function codesOf(error: unknown): readonly unknown[] {
  const causes: readonly unknown[] = error instanceof AggregateError ? error.errors : [error]
  return causes.map((cause) => (cause as { code?: unknown } | undefined)?.code)
}

function isUnsent(error: unknown): boolean {
  const codes = codesOf(error)
  return (
    codes.length > 0 &&
    codes.every((code) => ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'].includes(code as string))
  )
}

function reasonOf(error: unknown): string {
  const [code] = codesOf(error)
  if (typeof code === 'string') return REASONS[code] ?? code
  return error instanceof Error ? error.message : 'the connection failed'
}
