/**
 * JWT -> identity.
 *
 * Checked in this order: form, algorithm, signature, time, issuer and audience, claims. So what a stranger wrote is not
 * even parsed, and no answer depends on an unsigned claim.
 */
import type { Answer } from '../answer.ts'
import type { Clock } from '../clock.ts'
import { SluiceError } from '../errors.ts'
import type { Algorithm } from './algorithms.ts'
import { type ClaimRules, type Claims, readClaims } from './claims.ts'
import { type Identity, identityOf, isUserId, USER_RULE } from './identity.ts'
import type { KeySetEvents } from './jwks.ts'
import { KeyRing, type KeyRingOptions } from './key-ring.ts'
import { KnownTokens } from './known-tokens.ts'
import type { CryptoKey } from './keys.ts'
import { patternsFault, PatternTable } from './permissions.ts'
import type { TokenKey } from './token-table.ts'
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
   * `nobody`: whose a token is that names no user (`sub` absent or empty); without it such a token is refused.
   */
  verify(token: string, nobody?: string): Promise<Identity>
  /** The same, at once for the tokens that come in thousands: those that are known, and those signed with HS256. Then it throws, too. */
  check(token: string, nobody?: string): Answer<Identity>
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

/** Some 300 bytes each. */
const KNOWN_MAX = 8192

const utf8 = new TextDecoder()
const BASE64URL = /^[\w-]+$/

/** Of lists and of claims up to 1 kB each, so at most some 15 MB. */
const SHARED_LISTS_MAX = 4096

/** Fails with `AuthConfigError` where the options cannot be used. */
export function createTokens(options: TokenOptions, ports: TokenPorts): Tokens {
  return new JwtTokens(options, ports)
}

/** One look at a token, with the keys as they are then. */
interface Asked {
  readonly key: TokenKey
  readonly edition: number | undefined
  readonly nowMs: number
  readonly nobody: string | undefined
}

class JwtTokens implements Tokens {
  readonly #ring: KeyRing
  readonly #clock: Pick<Clock, 'now'>
  readonly #jsonDepthMax: number
  readonly #rules: ClaimRules
  readonly #types: readonly (string | undefined)[]
  readonly #patterns = new PatternTable(SHARED_LISTS_MAX)
  readonly #known = new KnownTokens(KNOWN_MAX)

  constructor(options: TokenOptions, ports: TokenPorts) {
    this.#ring = new KeyRing(options, ports.clock, ports.events)
    this.#clock = ports.clock
    this.#types = options.types?.map(typeOf) ?? TYPES_DEFAULT
    this.#jsonDepthMax = options.jsonDepthMax ?? JSON_DEPTH_DEFAULT
    this.#rules = {
      audience: listOf(options.audience),
      issuer: listOf(options.issuer),
      clockToleranceMs: options.clockToleranceMs,
    }
  }

  async verify(token: string, nobody?: string): Promise<Identity> {
    return this.check(token, nobody)
  }

  check(token: string, nobody?: string): Answer<Identity> {
    if (token.length > TOKEN_LENGTH_MAX) {
      throw refused(`the token is longer than ${TOKEN_LENGTH_MAX} characters`)
    }
    const nowMs = this.#clock.now()
    const { edition } = this.#ring
    const key = this.#known.keyOf(token)
    const known = this.#known.find(key, edition, nowMs)
    if (known !== undefined) return known
    const asked = { key, edition, nowMs, nobody }
    const claims = this.#plainClaims(token, nowMs)
    if (claims !== undefined) return this.#found(claims, asked)
    return this.#otherClaims(token, nowMs).then((others) => this.#found(others, asked))
  }

  #found(claims: Claims, { key, edition, nowMs, nobody }: Asked): Identity {
    const ofNobody = nobody !== undefined && (claims['sub'] ?? '') === ''
    const identity = identityOf(ofNobody ? { ...claims, sub: nobody } : claims, this.#patterns)
    // A token from the future would outlive every revocation until then.
    const { issuedAtMs } = identity
    if (issuedAtMs !== undefined && issuedAtMs > nowMs + this.#rules.clockToleranceMs) {
      throw refused(
        'the token is issued in the future (iat): the clocks of its issuer and of this node differ',
      )
    }
    // The keys may have been replaced meanwhile, and by then nobody knows with which of them it was checked. Of nobody each is another one's.
    if (edition === this.#ring.edition && !ofNobody) this.#known.remember(key, identity, edition, nowMs)
    return identity
  }

  healthy(): boolean {
    return this.#ring.healthy()
  }

  #checkDepth(text: string): void {
    if (!isDeeper(text, this.#jsonDepthMax)) return
    throw refused(`the token is nested deeper than limits.jsonDepth allows, which is ${this.#jsonDepthMax}`)
  }

  /** Without a promise for the tokens that come in thousands: those signed with HS256. `undefined`: it is none of them. */
  #plainClaims(token: string, nowMs: number): Claims | undefined {
    // Such tokens name the type JWT, or none.
    if (this.#types !== TYPES_DEFAULT || !this.#ring.hasSigned(token)) return undefined
    const payload = token.slice(token.indexOf('.') + 1, token.lastIndexOf('.'))
    // Of another spelling the usual way knows whether it is good.
    if (!BASE64URL.test(payload)) return undefined
    const text = Buffer.from(payload, 'base64url').toString()
    // As it does what begins with a byte order mark.
    if (text.startsWith('\uFEFF')) return undefined
    this.#checkDepth(text)
    return readClaims(text, this.#rules, nowMs)
  }

  async #otherClaims(token: string, nowMs: number): Promise<Claims> {
    // Of what is parsed by jose. Only counted here: what a stranger wrote is read once its signature is good.
    for (const part of token.split('.', 2)) this.#checkDepth(Buffer.from(part, 'base64url').toString())
    const { checkSignature } = await import('./signatures.ts')
    const { payload, typ } = await checkSignature(token, this.#ring.algorithms, this.#find)
    const claims = readClaims(utf8.decode(payload), this.#rules, nowMs)
    this.#checkType(typ)
    return claims
  }

  #checkType(typ: unknown): void {
    // What is no text is no type that anybody could have configured.
    const type = typeof typ === 'string' ? typeOf(typ) : typ
    if (this.#types.some((good) => good === type)) return
    const expected = this.#types.map((one) => one ?? 'none').join(', ')
    throw refused(`the token is of another kind (typ); expected: ${expected}`)
  }

  readonly #find = (algorithm: Algorithm, kid: string | undefined): Promise<CryptoKey> =>
    this.#ring.find(algorithm, kid)
}

export interface NewToken {
  readonly secret: string
  readonly sub: string
  readonly subscribe: readonly string[]
  readonly publish: readonly string[]
  /** Of which the token may page through the history. */
  readonly history?: readonly string[]
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
  const { sub, subscribe, publish, history, ttlSeconds } = token
  const fault =
    (isUserId(sub) ? undefined : `sub (the user) must be ${USER_RULE}`) ??
    patternsFault('subscribe', subscribe) ??
    patternsFault('publish', publish) ??
    patternsFault('history', history ?? []) ??
    (ttlSeconds === undefined || (ttlSeconds > 0 && Number.isFinite(ttlSeconds))
      ? undefined
      : 'ttlSeconds must be a number above 0')
  if (fault !== undefined) throw new SluiceError('bad_request', fault)
  const iat = Math.floor(clock.now() / 1000)
  const { signed } = await import('./signatures.ts')
  return signed(
    {
      sluice: { subscribe, publish, ...(history && { history }) },
      sub,
      iat,
      ...(ttlSeconds === undefined ? {} : { exp: iat + ttlSeconds }),
      ...(token.audience === undefined ? {} : { aud: token.audience }),
      ...(token.issuer === undefined ? {} : { iss: token.issuer }),
    },
    token.secret,
  )
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
