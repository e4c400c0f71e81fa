/**
 * JWT -> identity. The only file that knows jose.
 *
 * Checked in this order: form, algorithm, signature, time, issuer and audience, claims. So what a stranger wrote is not
 * even parsed, and no answer depends on an unsigned claim.
 */
import {
  decodeProtectedHeader,
  errors,
  type JWTClaimVerificationOptions,
  type JWTHeaderParameters,
  type JWTPayload,
  jwtVerify,
  SignJWT,
  UnsecuredJWT,
} from 'jose'
import type { Clock } from '../clock.ts'
import { SluiceError } from '../errors.ts'
import { type Algorithm, isAlgorithm } from './algorithms.ts'
import { type Identity, identityOf, isUserId, USER_RULE } from './identity.ts'
import type { KeySetEvents } from './jwks.ts'
import { KeyRing, type KeyRingOptions } from './key-ring.ts'
import { importSecret } from './keys.ts'
import { patternsFault, PatternTable } from './permissions.ts'
import { isDeeper, JSON_DEPTH_DEFAULT } from '../protocol/json.ts'

/** Section `auth` of the configuration, as far as tokens go. At least one source of keys is needed. */
export interface TokenOptions extends KeyRingOptions {
  /** `aud` must name one of these. Absent: `aud` is not looked at. */
  readonly audience?: string | readonly string[]
  /** `iss` must be one of these. Absent: `iss` is not looked at. */
  readonly issuer?: string | readonly string[]
  /** `typ` must be one of these. Absent: none, or that of a JWT or an access token. */
  readonly types?: readonly string[]
  /** How far the issuer's clock may be from the node's, for `exp`, `nbf` and `iat`. */
  readonly clockToleranceMs: number
}

export interface TokenPorts {
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>
  readonly events: KeySetEvents
}

export interface Tokens {
  /**
   * Fails with `unauthorized` and a sentence that says what is wrong, never what the token holds; with `unavailable`
   * where the key set is needed and cannot be fetched. Does not know of revocations: see `isRevoked`.
   */
  verify(token: string): Promise<Identity>
  /** Whether the keys are as fresh as they should be. For health, never for control flow. */
  healthy(): boolean
}

/** The same as in a `connect` frame, for the doors that are not frames (header, query, cookie). */
const TOKEN_LENGTH_MAX = 16_384

/**
 * RFC 7519, section 5.1 and RFC 9068, section 2.1. A provider signs more with the same keys (`logout+jwt`, `secevent+jwt`,
 * `dpop+jwt`…), and none of that is there to connect with (RFC 8725, section 3.11).
 */
const TYPES_DEFAULT = [undefined, 'jwt', 'at+jwt'] as const

/** Lets jose check the claims of a token whose signature has just been found good elsewhere. */
const UNSECURED_HEADER = Buffer.from('{"alg":"none"}').toString('base64url')

/** Of lists up to 1 kB each, so at most some 10 MB. */
const SHARED_LISTS_MAX = 4096

/** Fails with `AuthConfigError` where the options cannot be used. */
export function createTokens(options: TokenOptions, ports: TokenPorts): Tokens {
  return new JwtTokens(options, ports)
}

class JwtTokens implements Tokens {
  readonly #ring: KeyRing
  readonly #clock: Pick<Clock, 'now'>
  readonly #clockToleranceMs: number
  readonly #jsonDepthMax: number
  readonly #algorithms: Algorithm[]
  readonly #audience: string[] | undefined
  readonly #issuer: string[] | undefined
  readonly #types: readonly (string | undefined)[]
  readonly #expected: JWTClaimVerificationOptions
  readonly #patterns = new PatternTable(SHARED_LISTS_MAX)

  constructor(options: TokenOptions, ports: TokenPorts) {
    this.#ring = new KeyRing(options, ports.clock, ports.events)
    this.#clock = ports.clock
    this.#algorithms = [...this.#ring.algorithms]
    this.#audience = listOf(options.audience)
    this.#issuer = listOf(options.issuer)
    this.#types = options.types?.map(typeOf) ?? TYPES_DEFAULT
    this.#clockToleranceMs = options.clockToleranceMs
    this.#jsonDepthMax = options.jsonDepthMax ?? JSON_DEPTH_DEFAULT
    this.#expected = {
      ...(this.#audience === undefined ? {} : { audience: this.#audience }),
      ...(this.#issuer === undefined ? {} : { issuer: this.#issuer }),
      clockTolerance: options.clockToleranceMs / 1000,
    }
  }

  async verify(token: string): Promise<Identity> {
    if (token.length > TOKEN_LENGTH_MAX) {
      throw refused(`the token is longer than ${TOKEN_LENGTH_MAX} characters`)
    }
    this.#checkDepth(token)
    const nowMs = this.#clock.now()
    let claims
    try {
      claims = await this.#claims(token, nowMs)
    } catch (error) {
      // The cause is left out on purpose: jose's errors carry the claims.
      if (error instanceof errors.JOSEError) throw refused(this.#sentence(error, token))
      throw error
    }
    const identity = identityOf(claims, this.#patterns)
    // A token from the future would outlive every revocation until then.
    if (identity.issuedAtMs !== undefined && identity.issuedAtMs > nowMs + this.#clockToleranceMs) {
      throw refused(
        'the token is issued in the future (iat): the clocks of its issuer and of this node differ',
      )
    }
    return identity
  }

  healthy(): boolean {
    return this.#ring.healthy()
  }

  /** Of what is parsed below by jose. Only counted here: what a stranger wrote is read once its signature is good. */
  #checkDepth(token: string): void {
    for (const part of token.split('.', 2)) {
      if (!isDeeper(Buffer.from(part, 'base64url').toString(), this.#jsonDepthMax)) continue
      throw refused(`the token is nested deeper than limits.jsonDepth allows, which is ${this.#jsonDepthMax}`)
    }
  }

  /** Without a promise for the tokens that come in thousands: those signed with HS256. */
  #claims(token: string, nowMs: number): JWTPayload | Promise<JWTPayload> {
    const options = {
      ...this.#expected,
      currentDate: new Date(nowMs),
    }
    // Such tokens name the type JWT, or none.
    if (this.#types === TYPES_DEFAULT && this.#ring.hasSigned(token)) {
      const signed = token.slice(token.indexOf('.'), token.lastIndexOf('.') + 1)
      return UnsecuredJWT.decode(UNSECURED_HEADER + signed, options).payload
    }
    return jwtVerify(token, this.#keyOf, { ...options, algorithms: this.#algorithms }).then(
      ({ payload, protectedHeader }) => {
        this.#checkType(protectedHeader.typ)
        return payload
      },
    )
  }

  #checkType(typ: unknown): void {
    // What is no text is no type that anybody could have configured.
    const type = typeof typ === 'string' ? typeOf(typ) : typ
    if (this.#types.some((good) => good === type)) return
    const expected = this.#types.map((one) => one ?? 'none').join(', ')
    throw refused(`the token is of another kind (typ); expected: ${expected}`)
  }

  readonly #keyOf = (header: JWTHeaderParameters) =>
    // jose asks only after it has found the algorithm among the allowed ones.
    this.#ring.find(header.alg as Algorithm, typeof header.kid === 'string' ? header.kid : undefined)

  #sentence(error: errors.JOSEError, token: string): string {
    if (error instanceof errors.JOSEAlgNotAllowed) {
      return this.#algorithmSentence(decodeProtectedHeader(token).alg)
    }
    if (error instanceof errors.JWSSignatureVerificationFailed) {
      return 'the signature of the token does not fit: it is signed by another key, or was changed'
    }
    if (error instanceof errors.JWTExpired) return 'the token has expired (exp)'
    if (error instanceof errors.JWTClaimValidationFailed)
      return this.#claimSentence(error.claim, error.reason)
    if (error instanceof errors.JOSENotSupported) {
      return 'the header of the token demands an extension (crit) that the gateway does not have'
    }
    return 'the token is not a JWT: three parts in base64url with dots between them, a JSON header, and JSON claims'
  }

  #algorithmSentence(alg: unknown): string {
    const allowed = `allowed: ${this.#algorithms.join(', ')}`
    if (alg === 'none') return `the token is not signed (alg: none); ${allowed}`
    // Any other name is a text of the peer's choice and is not repeated.
    return `the token is signed with ${isAlgorithm(alg) ? alg : 'an unknown algorithm'}; ${allowed}`
  }

  #claimSentence(claim: string, reason: string): string {
    const expected = { aud: this.#audience, iss: this.#issuer }[claim]?.join(' or ')
    if (expected !== undefined) {
      const fault = reason === 'missing' ? 'is missing' : 'is another'
      return `the ${claim === 'aud' ? 'audience' : 'issuer'} of the token (${claim}) ${fault}; expected: ${expected}`
    }
    if (claim === 'nbf' && reason === 'check_failed') return 'the token is not valid yet (nbf)'
    return `the claim ${claim} must be a number of seconds since 1970`
  }
}

export interface NewToken {
  readonly secret: string
  readonly sub: string
  readonly subscribe: readonly string[]
  readonly publish: readonly string[]
  /** Absent: the token does not expire. */
  readonly ttlSeconds?: number
  readonly audience?: string
  readonly issuer?: string
}

/**
 * Signs a token with HS256, for development and for `sluice token`. Fails with `bad_request` where `verify` would
 * refuse the token for its claims; whether the secret is long enough is said where tokens are checked.
 */
export async function mintToken(token: NewToken, clock: Pick<Clock, 'now'>): Promise<string> {
  const { sub, subscribe, publish, ttlSeconds } = token
  const fault =
    (isUserId(sub) ? undefined : `sub (the user) must be ${USER_RULE}`) ??
    patternsFault('subscribe', subscribe) ??
    patternsFault('publish', publish) ??
    (ttlSeconds === undefined || (ttlSeconds > 0 && Number.isFinite(ttlSeconds))
      ? undefined
      : 'ttlSeconds must be a number above 0')
  if (fault !== undefined) throw new SluiceError('bad_request', fault)
  const issuedAtSeconds = Math.floor(clock.now() / 1000)
  const jwt = new SignJWT({ sluice: { subscribe, publish } })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(sub)
    .setIssuedAt(issuedAtSeconds)
  if (ttlSeconds !== undefined) jwt.setExpirationTime(issuedAtSeconds + ttlSeconds)
  if (token.audience !== undefined) jwt.setAudience(token.audience)
  if (token.issuer !== undefined) jwt.setIssuer(token.issuer)
  return jwt.sign(await importSecret(token.secret, 'HS256'))
}

/** RFC 7515, section 4.1.9: case does not matter, and `application/` may be left out. */
function typeOf(typ: string): string {
  return typ.toLowerCase().replace(/^application\/(?!.*\/)/, '')
}

function listOf(value: string | readonly string[] | undefined): string[] | undefined {
  if (value === undefined) return undefined
  return typeof value === 'string' ? [value] : [...value]
}

function refused(message: string): SluiceError {
  return new SluiceError('unauthorized', message)
}
