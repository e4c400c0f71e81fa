/**
 * All configured keys, and which of them may check a token.
 *
 * Every source has its own list of algorithms. A token's header only chooses among them: an HMAC algorithm leads to the
 * secret or nowhere, so a public key is never taken for a secret.
 */
import type { Clock } from '../clock.ts'
import { SluiceError } from '../errors.ts'
import { type Algorithm, ALGORITHM_NAMES, isAlgorithm, kindOf } from './algorithms.ts'
import { AuthConfigError } from './config-error.ts'
import { KeySet, type KeySetEvents } from './jwks.ts'
import { type CryptoKey, type PublicKey, readPublicKeyOption, SecretKey } from './keys.ts'
import { JSON_DEPTH_DEFAULT } from '../protocol/json.ts'

export interface KeyRingOptions {
  readonly jwtSecret?: string
  /** PEM (SPKI) or the JSON text of a JWK. */
  readonly jwtPublicKey?: string
  readonly jwksUrl?: string
  /**
   * Absent: HS256 for the secret; for a public key what its type says (RS256, ES256, ES384, ES512, EdDSA); for a key
   * set RS256, ES256 and EdDSA.
   */
  readonly algorithms?: readonly string[]
  /** For development: a secret of any length. */
  readonly allowWeakSecret?: boolean
  /** How long a key set is used before it is fetched again. */
  readonly jwksMaxAgeMs?: number
  /** The shortest time between two fetches because of an unknown `kid`, or because the last fetch failed. */
  readonly jwksCooldownMs?: number
  readonly jwksTimeoutMs?: number
  /** How deep a key set, or a token's header and claims, may be nested. Default: 64. */
  readonly jsonDepthMax?: number
}

const JWKS_MAX_AGE_MS = 600_000
const JWKS_COOLDOWN_MS = 10_000
const JWKS_TIMEOUT_MS = 5000

const KEY_SET_DEFAULT: readonly Algorithm[] = ['RS256', 'ES256', 'EdDSA', 'Ed25519']
const PUBLIC_KEY_DEFAULT: readonly Algorithm[] = ['RS256', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

interface FixedKey {
  readonly key: PublicKey
  readonly algorithms: readonly Algorithm[]
}

export class KeyRing {
  /** All that any source allows. */
  readonly algorithms: readonly Algorithm[]
  readonly #secret: SecretKey | undefined
  readonly #fixed: FixedKey | undefined
  readonly #set: KeySet | undefined

  constructor(options: KeyRingOptions, clock: Pick<Clock, 'monotonicMs'>, events: KeySetEvents) {
    const { jwtSecret, jwtPublicKey, jwksUrl } = options
    if (jwtSecret === undefined && jwtPublicKey === undefined && jwksUrl === undefined) {
      throw new AuthConfigError(
        'nothing is configured to check tokens with: set auth.jwtSecret, auth.jwtPublicKey or auth.jwksUrl',
      )
    }
    const listed = readAlgorithms(options.algorithms)
    if (jwtSecret !== undefined) {
      const algorithms = allowed('auth.jwtSecret', listed ?? ['HS256'], (name) => kindOf(name).secret)
      this.#secret = new SecretKey(jwtSecret, algorithms, options.allowWeakSecret ?? false)
    }
    if (jwtPublicKey !== undefined) {
      const key = readPublicKeyOption(jwtPublicKey)
      const defaults = PUBLIC_KEY_DEFAULT.some((name) => key.fits(name))
        ? PUBLIC_KEY_DEFAULT
        : ALGORITHM_NAMES
      const algorithms = allowed('auth.jwtPublicKey', listed ?? defaults, (name) => key.fits(name))
      this.#fixed = { key, algorithms }
    }
    if (jwksUrl !== undefined) {
      const algorithms = allowed('auth.jwksUrl', listed ?? KEY_SET_DEFAULT, (name) => !kindOf(name).secret)
      this.#set = new KeySet(
        {
          url: jwksUrl,
          algorithms,
          maxAgeMs: options.jwksMaxAgeMs ?? JWKS_MAX_AGE_MS,
          cooldownMs: options.jwksCooldownMs ?? JWKS_COOLDOWN_MS,
          timeoutMs: options.jwksTimeoutMs ?? JWKS_TIMEOUT_MS,
          jsonDepthMax: options.jsonDepthMax ?? JSON_DEPTH_DEFAULT,
        },
        clock,
        events,
      )
    }
    const union = [this.#secret, this.#fixed, this.#set].flatMap((source) => source?.algorithms ?? [])
    this.algorithms = [...new Set(union)]
    const unused = listed?.find((name) => !this.algorithms.includes(name))
    if (unused !== undefined) {
      throw new AuthConfigError(`auth.algorithms lists ${unused}, but no configured key can be used with it`)
    }
  }

  /** Whether the last fetch of the key set succeeded. For health, never for control flow. */
  healthy(): boolean {
    return this.#set?.healthy() ?? true
  }

  /**
   * Another one where the keys may be others, so that what was found out with the former ones is forgotten. `undefined`: whether
   * they are as they were has to be asked now, or cannot be.
   */
  get edition(): number | undefined {
    return this.#set === undefined ? 0 : this.#set.edition
  }

  /** The short way for what a herd brings: see `SecretKey`. */
  hasSigned(token: string): boolean {
    return this.#secret?.hasSigned(token) ?? false
  }

  /** `algorithm` is one of `algorithms`. Fails with `unauthorized` or `unavailable`. */
  async find(algorithm: Algorithm, kid: string | undefined): Promise<CryptoKey> {
    if (this.#secret?.algorithms.includes(algorithm)) return this.#secret.key(algorithm)
    const fixed = this.#fixed?.algorithms.includes(algorithm) ? this.#fixed.key : undefined
    const set = this.#set?.algorithms.includes(algorithm) ? this.#set : undefined
    if (fixed !== undefined && (set === undefined || kid === undefined || kid === fixed.kid)) {
      return fixed.key(algorithm)
    }
    const found = await set?.find(algorithm, kid)
    if (found !== undefined) return found
    // A PEM text has no place for a `kid`, so the token may mean that key.
    if (fixed !== undefined && fixed.kid === undefined) return fixed.key(algorithm)
    throw new SluiceError(
      'unauthorized',
      'the token is signed by a key that is not in the key set of auth.jwksUrl',
    )
  }
}

function readAlgorithms(names: readonly string[] | undefined): readonly Algorithm[] | undefined {
  const wrong = names?.findIndex((name) => !isAlgorithm(name)) ?? -1
  if (wrong !== -1) {
    throw new AuthConfigError(`auth.algorithms[${wrong}] must be one of ${ALGORITHM_NAMES.join(', ')}`)
  }
  return names as readonly Algorithm[] | undefined
}

/** The part of a list that suits a source; a source that none of it suits could never check a token. */
function allowed(
  source: string,
  names: readonly Algorithm[],
  suits: (name: Algorithm) => boolean,
): readonly Algorithm[] {
  const suiting = names.filter(suits)
  if (suiting.length > 0) return suiting
  throw new AuthConfigError(`${source} cannot be used with any of auth.algorithms (${names.join(', ')})`)
}
