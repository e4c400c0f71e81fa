/**
 * The keys that check tokens: a shared secret, a public key, or a key set (jwks.ts). Each becomes a `CryptoKey` once
 * per algorithm: importing costs more than checking.
 */
import { createPublicKey, type KeyObject, timingSafeEqual, webcrypto } from 'node:crypto'
import { Hmac } from '../hmac.ts'
import { type Algorithm, ALGORITHM_NAMES, isSameAlgorithm, kindOf } from './algorithms.ts'
import { AuthConfigError } from './config-error.ts'

export type CryptoKey = webcrypto.CryptoKey

/** RFC 7518, section 3.3. */
const RSA_BITS_MIN = 2048

/** Imports on first use and keeps the result. */
class ImportedKeys {
  readonly #keys = new Map<Algorithm, Promise<CryptoKey>>()
  readonly #import: (algorithm: Algorithm) => Promise<CryptoKey>

  constructor(importKey: (algorithm: Algorithm) => Promise<CryptoKey>) {
    this.#import = importKey
  }

  get(algorithm: Algorithm): Promise<CryptoKey> {
    let key = this.#keys.get(algorithm)
    if (key === undefined) this.#keys.set(algorithm, (key = this.#import(algorithm)))
    return key
  }
}

/** `text` is the secret as it is written, in UTF-8: a base64 or hexadecimal text is not decoded. */
export function importSecret(text: string, algorithm: Algorithm): Promise<CryptoKey> {
  const { webcrypto: parameters } = kindOf(algorithm)
  return webcrypto.subtle.importKey('raw', Buffer.from(text), parameters, false, ['sign', 'verify'])
}

/** The headers that the usual libraries write. With any other (a `kid`, a `crit`) a token takes the way of all algorithms. */
const PLAIN_HEADERS: ReadonlySet<string> = new Set(
  ['{"alg":"HS256","typ":"JWT"}', '{"typ":"JWT","alg":"HS256"}', '{"alg":"HS256"}'].map((header) =>
    Buffer.from(header).toString('base64url'),
  ),
)

export class SecretKey {
  readonly algorithms: readonly Algorithm[]
  readonly #imported: ImportedKeys
  readonly #plain: Hmac | undefined

  /** Fails with `AuthConfigError` where the secret is too short for an algorithm, unless `allowWeak`. */
  constructor(text: string, algorithms: readonly Algorithm[], allowWeak: boolean) {
    const bytes = Buffer.byteLength(text)
    if (bytes === 0) throw new AuthConfigError('auth.jwtSecret is empty')
    for (const algorithm of algorithms) {
      const { secretBytesMin } = kindOf(algorithm)
      if (bytes < secretBytesMin && !allowWeak) {
        throw new AuthConfigError(
          `auth.jwtSecret has ${bytes} bytes; ${algorithm} needs at least ${secretBytesMin} (RFC 7518, section 3.2), for example from: openssl rand -hex ${secretBytesMin}`,
        )
      }
    }
    this.algorithms = algorithms
    this.#imported = new ImportedKeys((algorithm) => importSecret(text, algorithm))
    this.#plain = algorithms.includes('HS256') ? new Hmac(Buffer.from(text)) : undefined
  }

  key(algorithm: Algorithm): Promise<CryptoKey> {
    return this.#imported.get(algorithm)
  }

  /**
   * Whether this is a JWT with a plain HS256 header and a good signature (RFC 7515, section 5.2), found out in this very
   * call: WebCrypto takes an HMAC of 200 bytes to another thread and back, for four times the cost, and a herd brings
   * thousands. False says nothing about the token but that it has to be looked at in the usual way. Claims are not read.
   */
  hasSigned(token: string): boolean {
    const headerEnd = token.indexOf('.')
    const signedEnd = token.lastIndexOf('.')
    if (this.#plain === undefined || !PLAIN_HEADERS.has(token.slice(0, headerEnd))) return false
    const expected = this.#plain.of(token.slice(0, signedEnd), 'base64url')
    // As text: so another spelling of the same bytes is left to the usual way.
    const presented = Buffer.from(token.slice(signedEnd + 1))
    return presented.length === expected.length && timingSafeEqual(presented, Buffer.from(expected))
  }
}

/** A key that can be published: configured, or a member of a key set. */
export class PublicKey {
  readonly kid: string | undefined
  readonly #fits: ReadonlySet<Algorithm>
  readonly #imported: ImportedKeys

  constructor(jwk: webcrypto.JsonWebKey, use: KeyUse) {
    this.kid = use.kid
    this.#fits = new Set(ALGORITHM_NAMES.filter((algorithm) => fits(jwk, use, algorithm)))
    this.#imported = new ImportedKeys((algorithm) =>
      webcrypto.subtle.importKey('jwk', jwk, kindOf(algorithm).webcrypto, false, ['verify']),
    )
  }

  /** Whether the key's type, and what its publisher says of its use, allow the algorithm. */
  fits(algorithm: Algorithm): boolean {
    return this.#fits.has(algorithm)
  }

  key(algorithm: Algorithm): Promise<CryptoKey> {
    return this.#imported.get(algorithm)
  }
}

/** What a JWK says about itself (RFC 7517, sections 4.2 to 4.5). */
interface KeyUse {
  readonly kid: string | undefined
  readonly alg: string | undefined
}

function fits(jwk: webcrypto.JsonWebKey, use: KeyUse, algorithm: Algorithm): boolean {
  const { secret, kty, crv } = kindOf(algorithm)
  return (
    !secret &&
    jwk.kty === kty &&
    (crv === undefined || jwk.crv === crv) &&
    (use.alg === undefined || isSameAlgorithm(use.alg, algorithm))
  )
}

/**
 * A JWK as it came -> a key, or a sentence about why it cannot check tokens. Only the public members are kept.
 */
export function readJwk(value: unknown): PublicKey | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is not a JSON object'
  const jwk = value as Readonly<Record<string, unknown>>
  if (jwk['kty'] === 'oct') return 'is a shared secret; a secret belongs in auth.jwtSecret'
  if ('d' in jwk) return 'is a private key; the gateway needs the public one only'
  if (jwk['use'] !== undefined && jwk['use'] !== 'sig') return 'is not for signatures (its use is not sig)'
  const operations = jwk['key_ops']
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return 'is not for checking signatures (its key_ops have no verify)'
  }
  let key
  try {
    key = createPublicKey({ key: jwk, format: 'jwk' })
  } catch (error) {
    // Node says with a code or a class of its own that the members make no key; what it says may quote them.
    if (error instanceof Error) return 'is not a valid public JWK'
    throw error
  }
  return readKeyObject(key, { kid: textOf(jwk['kid']), alg: textOf(jwk['alg']) })
}

function readKeyObject(object: KeyObject, use: KeyUse): PublicKey | string {
  const bits = object.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && bits < RSA_BITS_MIN) {
    return `is an RSA key of ${bits} bits; at least ${RSA_BITS_MIN} are needed (RFC 7518, section 3.3)`
  }
  const usable = ['rsa', 'ec', 'ed25519'].includes(object.asymmetricKeyType ?? '')
  const key = usable ? new PublicKey(object.export({ format: 'jwk' }), use) : undefined
  if (key === undefined || !ALGORITHM_NAMES.some((algorithm) => key.fits(algorithm))) {
    return 'is of a type or for an algorithm that is not supported; RSA, P-256, P-384, P-521 and Ed25519 are'
  }
  return key
}

/** The option `auth.jwtPublicKey`: a PEM text (SPKI) or the JSON text of a JWK. */
export function readPublicKeyOption(text: string): PublicKey {
  const key = text.trimStart().startsWith('{') ? readJwkText(text) : readPem(text)
  if (typeof key === 'string') throw new AuthConfigError(`auth.jwtPublicKey ${key}`)
  return key
}

function readJwkText(text: string): PublicKey | string {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return 'starts like the JSON text of a JWK, but is not JSON'
    throw error
  }
  return readJwk(parsed)
}

function readPem(text: string): PublicKey | string {
  // An environment variable often carries its line breaks as a backslash and an n.
  const pem = text.replaceAll(String.raw`\n`, '\n')
  if (pem.includes('PRIVATE KEY-----')) return 'is a private key; the gateway needs the public one only'
  if (!pem.includes('-----BEGIN PUBLIC KEY-----')) {
    return 'must be a PEM text that begins with -----BEGIN PUBLIC KEY----- (SPKI), or the JSON text of a JWK'
  }
  let key
  try {
    key = createPublicKey(pem)
  } catch (error) {
    // OpenSSL names its own routines, which helps nobody here.
    if (error instanceof Error) return 'is a PEM text that holds no readable public key'
    throw error
  }
  return readKeyObject(key, { kid: undefined, alg: undefined })
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
