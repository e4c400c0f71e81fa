/**
 * A key set behind a URL (RFC 7517), and its rotation.
 *
 *  J1 verifications that need the key set at the same time share one fetch
 *  J2 an unknown `kid` fetches the set again, at most once in `cooldownMs`
 *  J3 a set older than `maxAgeMs` is fetched again before it is used, and ahead of time where tokens keep coming,
 *     so that under load nobody waits for it
 *  J4 while the URL fails, the keys that were fetched last stay in use, and nobody waits whose key is among them
 *  J5 without any keys the answer is `unavailable`, and the URL is asked at most once in `RETRY_MS`
 */
import type { Clock } from '../clock.ts'
import { SluiceError } from '../errors.ts'
import type { Algorithm } from './algorithms.ts'
import { AuthConfigError } from './config-error.ts'
import { type CryptoKey, type PublicKey, readJwk } from './keys.ts'
import { JsonFault, parseJson } from '../protocol/json.ts'

/** What operators should know of a key set. */
export interface KeySetEvents {
  /** `keys`: how many of the set can check signatures. */
  keySetFetched(keys: number): void
  keySetFailed(reason: string): void
}

export interface KeySetOptions {
  readonly url: string
  readonly algorithms: readonly Algorithm[]
  readonly maxAgeMs: number
  readonly cooldownMs: number
  readonly timeoutMs: number
  readonly jsonDepthMax: number
}

/** Long enough to spare a URL that is down, short enough that the first connects after its return are served. */
const RETRY_MS = 1000

/** Some hundred keys with their certificates; whoever answers with more is not the issuer, or not well. */
const BODY_BYTES_MAX = 1_048_576
const KEYS_MAX = 256

/** The part of its age after which a set in use is fetched ahead of time. */
const AHEAD = 0.75

export class KeySet {
  readonly algorithms: readonly Algorithm[]
  readonly #url: URL
  readonly #options: KeySetOptions
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #events: KeySetEvents
  #fetches = 0
  #keys: readonly PublicKey[] | undefined
  #fetchedMs = Number.NEGATIVE_INFINITY
  /** When the last fetch ended, well or not. */
  #endedMs = Number.NEGATIVE_INFINITY
  #failing = false
  #fetching: Promise<void> | undefined

  constructor(options: KeySetOptions, clock: Pick<Clock, 'monotonicMs'>, events: KeySetEvents) {
    this.#url = readUrl(options.url)
    this.algorithms = options.algorithms
    this.#options = options
    this.#clock = clock
    this.#events = events
  }

  /** Whether the last fetch succeeded, or none was needed yet. For health, never for control flow. */
  healthy(): boolean {
    return !this.#failing
  }

  /** Another one after each fetch; `undefined` where the next one who asks for a key would have the set fetched. */
  get edition(): number | undefined {
    const { maxAgeMs } = this.#options
    const isFresh = !this.#failing && this.#clock.monotonicMs() - this.#fetchedMs < maxAgeMs * AHEAD
    return this.#keys !== undefined && isFresh ? this.#fetches : undefined
  }

  /**
   * Undefined: the set has no such key. Fails with `unavailable` where that cannot be known now, and with `unauthorized`
   * where the token names no key and several would do.
   */
  async find(algorithm: Algorithm, kid: string | undefined): Promise<CryptoKey | undefined> {
    await this.#freshen()
    let key = this.#match(algorithm, kid)
    if (key === undefined && this.#restedFor(this.#options.cooldownMs)) {
      await this.#fetch()
      key = this.#match(algorithm, kid)
    }
    // The key may be one of those that could not be fetched: the token can be good.
    if (key === undefined && this.#failing) throw this.#unavailable()
    return key?.key(algorithm)
  }

  async #freshen(): Promise<void> {
    if (this.#keys === undefined) {
      if (this.#restedFor(RETRY_MS)) await this.#fetch()
      if (this.#keys === undefined) throw this.#unavailable()
      return
    }
    const { maxAgeMs, cooldownMs } = this.#options
    const ageMs = this.#clock.monotonicMs() - this.#fetchedMs
    const isDue = this.#failing || ageMs >= maxAgeMs * AHEAD
    if (!isDue || !this.#restedFor(cooldownMs)) return
    const patient = ageMs >= maxAgeMs && !this.#failing
    const fetching = this.#fetch()
    if (patient) await fetching
  }

  #match(algorithm: Algorithm, kid: string | undefined): PublicKey | undefined {
    const fitting = (this.#keys ?? []).filter(
      (key) => key.fits(algorithm) && (kid === undefined || key.kid === kid),
    )
    if (kid === undefined && fitting.length > 1) {
      throw new SluiceError(
        'unauthorized',
        `the token does not name its key (kid), and auth.jwksUrl has several keys for ${algorithm}`,
      )
    }
    return fitting[0]
  }

  /** Whether a fetch may start; joining one that runs is always allowed. */
  #restedFor(restMs: number): boolean {
    return this.#fetching !== undefined || this.#clock.monotonicMs() - this.#endedMs >= restMs
  }

  /** Never rejects: a failure is told to the operators, and to whom it concerns by what follows. */
  #fetch(): Promise<void> {
    this.#fetching ??= this.#load().finally(() => {
      this.#endedMs = this.#clock.monotonicMs()
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #load(): Promise<void> {
    try {
      const keys = readKeySet(await download(this.#url, this.#options.timeoutMs), this.#options.jsonDepthMax)
      this.#keys = keys
      this.#fetches++
      this.#fetchedMs = this.#clock.monotonicMs()
      this.#failing = false
      this.#events.keySetFetched(keys.length)
    } catch (error) {
      // Whatever it is (network, time limit, status, content), the keys of before stay in use.
      this.#failing = true
      this.#events.keySetFailed(reasonOf(error))
    }
  }

  #unavailable(): SluiceError {
    return new SluiceError(
      'unavailable',
      'the key set that checks tokens (auth.jwksUrl) cannot be fetched now',
      {
        retryAfterMs: RETRY_MS,
      },
    )
  }
}

function readUrl(text: string): URL {
  const rule = 'auth.jwksUrl must be an http or https URL without a user name and a password'
  if (!URL.canParse(text)) throw new AuthConfigError(rule)
  const url = new URL(text)
  const isHttp = url.protocol === 'https:' || url.protocol === 'http:'
  if (!isHttp || url.username !== '' || url.password !== '') throw new AuthConfigError(rule)
  return url
}

/** Fails where the body is over its limit, or does not come in time. */
async function download(url: URL, timeoutMs: number): Promise<string> {
  const response = await fetch(url, {
    headers: { accept: 'application/jwk-set+json, application/json' },
    // Trust was given to this URL, not to where it may point one day.
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutMs),
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`the answer has status ${response.status}, not 200`)
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  // Counted as it comes: what a length or a packed body says is the other side's word.
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) throw new Error(`the answer has more than ${BODY_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}

/** The keys that can check signatures. Fails with a sentence for operators. */
export function readKeySet(text: string, jsonDepthMax: number): readonly PublicKey[] {
  let document: unknown
  let fault: string | undefined
  try {
    document = parseJson(text, jsonDepthMax)
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    // Without the cause, whose words these are: it would be told beside them.
    fault = error.message
  }
  if (fault !== undefined) throw new Error(`the answer ${fault}`)
  const listed =
    typeof document === 'object' && document !== null && 'keys' in document ? document.keys : undefined
  if (!Array.isArray(listed)) throw new Error('the answer is not a key set: {"keys": [...]}')
  if (listed.length > KEYS_MAX)
    throw new Error(`the answer has ${listed.length} keys; at most ${KEYS_MAX} are read`)
  // A set may hold keys for other uses and of types unknown here; they are skipped (RFC 7517, section 5).
  return listed.map(readJwk).filter((key) => typeof key !== 'string')
}

/** Node's fetch says only "fetch failed" and keeps what happened as the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
