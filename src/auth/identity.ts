/**
 * Claims whose signature, time and audience are good -> who this is and what it may do. Pure.
 */
import { SluiceError } from '../errors.ts'
import { fromBase64 } from '../protocol/base64.ts'
import { isObject } from '../protocol/json.ts'
import { saidInBytes } from '../protocol/said.ts'
import { patternsFault, type PatternTable, type Permissions } from './permissions.ts'

/** What stays of a token once it is checked: who somebody is, and what he may do. Holds no part of the token's text. */
export interface Identity {
  readonly user: string
  readonly permissions: Permissions
  /**
   * Milliseconds since 1970 of `exp`, without the tolerance for clocks: within `clockTolerance` a token is accepted
   * whose moment has passed. Undefined: does not expire.
   */
  readonly expiresAtMs: number | undefined
  /** Milliseconds since 1970 of `iat`, whole seconds as a rule. Undefined: the token does not say. */
  readonly issuedAtMs: number | undefined
  /** A dialect knows it by something else than a token: it is asked for none. */
  readonly tokenless?: true
  /** The one channel that the token is for, as its issuer writes it. It allows nothing by itself: dialects that have such tokens ask for it. */
  readonly channel?: string
  /** The channels that the token puts its user on, as its issuer writes them. It does so where a dialect has such tokens. */
  readonly channels?: readonly string[]
  /** What the token says of its user, as JSON; one character longer than it may be (`TOKEN_INFO_MAX`) where it is longer. */
  readonly info?: string
  /** The same for single channels, and what the client is told with each. */
  readonly subs?: ReadonlyMap<string, TokenSub>
  /** Until when a connection is good that was made with it, in milliseconds since 1970, whatever `exp` says; 0: for ever. */
  readonly connectionEndsMs?: number
}

/**
 * The moments are kept in seconds, as the token has them: until 2038 such a number is part of the object, where milliseconds are another object
 * each, and there is one identity for each connection.
 */
class TokenIdentity implements Identity {
  readonly user: string
  readonly permissions: Permissions
  readonly #expiresAt: number | undefined
  readonly #issuedAt: number | undefined
  declare readonly channel?: string
  declare readonly channels?: readonly string[]

  constructor(user: string, permissions: Permissions, expiresAtMs?: number, issuedAtMs?: number) {
    this.user = user
    this.permissions = permissions
    this.#expiresAt = secondsOf(expiresAtMs)
    this.#issuedAt = secondsOf(issuedAtMs)
  }

  get expiresAtMs(): number | undefined {
    return millisecondsOf(this.#expiresAt)
  }

  get issuedAtMs(): number | undefined {
    return millisecondsOf(this.#issuedAt)
  }
}

/** The same one, but for what it may do. */
export function withPermissions(identity: Identity, permissions: Permissions): Identity {
  const { expiresAtMs, issuedAtMs } = identity
  return { ...identity, permissions, expiresAtMs, issuedAtMs }
}

/** The same until another moment, in milliseconds since 1970; `undefined`: for ever. */
export function expiringAt(identity: Identity, expiresAtMs: number | undefined): Identity {
  const { issuedAtMs } = identity
  return { ...identity, expiresAtMs, issuedAtMs }
}

function secondsOf(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000
}

/** The same milliseconds again, whatever the fraction. */
function millisecondsOf(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.round(seconds * 1000)
}

/** Of one channel, both as JSON. */
export interface TokenSub {
  readonly info?: string
  readonly data?: string
}

/** So many characters may what a token says of its user have. */
export const TOKEN_INFO_MAX = 1024

/** A user id is opaque to the gateway, but it is part of keys and of log lines. */
export const USER_LENGTH_MAX = 256

export const USER_RULE = `1 to ${USER_LENGTH_MAX} characters without control characters`

// A lone surrogate has no UTF-8 form: as part of a key it would be the same as any other one, and two users one.
const UNFIT_FOR_USER = /[\p{Cc}\p{Cs}]/u

export function isUserId(user: unknown): user is string {
  return (
    typeof user === 'string' &&
    user.length > 0 &&
    user.length <= USER_LENGTH_MAX &&
    !UNFIT_FOR_USER.test(user)
  )
}

interface Claims {
  readonly sub?: unknown
  readonly exp?: unknown
  readonly iat?: unknown
  readonly sluice?: unknown
  readonly channel?: unknown
  readonly channels?: unknown
  readonly subs?: unknown
  readonly info?: unknown
  readonly b64info?: unknown
  readonly expire_at?: unknown
}

/** Fails with `unauthorized` and a sentence that names the claim and its rule, never its value. */
export function identityOf(claims: Claims, table: PatternTable): Identity {
  const { sub } = claims
  if (!isUserId(sub)) throw refused(`the claim sub (the user) must be a text of ${USER_RULE}`)
  const identity = new TokenIdentity(
    sub,
    permissionsOf(claims.sluice, table),
    momentMs('exp', claims.exp),
    momentMs('iat', claims.iat),
  )
  return saysMore(claims) ? withMore(identity, claims) : identity
}

function saysMore({ channel, channels, info, b64info, subs, expire_at: end }: Claims): boolean {
  return (
    channel !== undefined ||
    channels !== undefined ||
    info !== undefined ||
    b64info !== undefined ||
    subs !== undefined ||
    end !== undefined
  )
}

/** Fields of the few that have them. */
function withMore(identity: Identity, claims: Claims): Identity {
  return Object.assign(
    identity,
    typeof claims.channel === 'string' ? { channel: claims.channel } : undefined,
    ...[channelsIn(claims), infoIn(claims), subsIn(claims), connectionEndIn(claims)],
  )
}

/** Fields that the gateway does not know are ignored (RFC 7519, section 4), so that tokens may be newer than nodes. */
function permissionsOf(claim: unknown, table: PatternTable): Permissions {
  if (claim === undefined) return table.permissions([], [], [])
  if (typeof claim !== 'object' || claim === null || Array.isArray(claim)) {
    throw refused('the claim sluice must be an object: {"subscribe": [patterns], "publish": [patterns]}')
  }
  return table.saidBy(claim, () => {
    const { subscribe, publish, history } = claim as Readonly<Record<string, unknown>>
    return table.permissions(
      patterns('sluice.subscribe', subscribe),
      patterns('sluice.publish', publish),
      patterns('sluice.history', history),
    )
  })
}

function patterns(field: string, value: unknown): readonly string[] {
  if (value === undefined) return []
  const fault = patternsFault(field, value)
  if (fault !== undefined) throw refused(`the claim ${fault}`)
  return value as readonly string[]
}

/** So many channels a token may put its user on. */
export const TOKEN_CHANNELS_MAX = 100

/** Centrifugo's `channels`, a list, and `subs`, by channel. What is no such thing is another's claim, and ignored. */
function channelsIn({ channels, subs }: Claims): { readonly channels?: readonly string[] } {
  const listed = (Array.isArray(channels) ? channels : []).filter((one) => typeof one === 'string')
  const named = typeof subs === 'object' && subs !== null && !Array.isArray(subs) ? Object.keys(subs) : []
  const all = [...new Set([...listed, ...named])]
  // One more tells whoever asks that there are too many; for everybody else it is somebody's claim.
  return all.length === 0 ? {} : { channels: all.slice(0, TOKEN_CHANNELS_MAX + 1) }
}

/** Of Centrifugo: bytes go before a value. */
function infoIn({ info, b64info }: Pick<Claims, 'info' | 'b64info'>): { readonly info?: string } {
  const said = saidIn(info, b64info)
  return said === undefined ? {} : { info: said.slice(0, TOKEN_INFO_MAX + 1) }
}

function connectionEndIn({ expire_at: end }: Claims): Pick<Identity, 'connectionEndsMs'> {
  return typeof end === 'number' && end >= 0 ? { connectionEndsMs: Math.floor(end * 1000) } : {}
}

function subsIn({ subs }: Claims): Pick<Identity, 'subs'> {
  const found = new Map<string, TokenSub>()
  for (const [channel, sub] of isObject(subs) ? Object.entries(subs).slice(0, TOKEN_CHANNELS_MAX) : []) {
    const { data, b64data, ...rest } = isObject(sub) ? sub : {}
    const said = saidIn(data, b64data)
    const one = { ...infoIn(rest), ...(said === undefined ? {} : { data: said }) }
    if (Object.keys(one).length > 0) found.set(channel, one)
  }
  return found.size === 0 ? {} : { subs: found }
}

function saidIn(value: unknown, base64: unknown): string | undefined {
  const bytes = base64 === '' ? undefined : fromBase64(base64)
  if (bytes !== undefined) return saidInBytes(bytes)
  return value === undefined || value === null ? undefined : JSON.stringify(value)
}

/** NumericDate (RFC 7519, section 2) may have a fraction. */
function momentMs(claim: string, value: unknown): number | undefined {
  if (value === undefined) return undefined
  const ms = typeof value === 'number' ? Math.floor(value * 1000) : Number.NaN
  if (!Number.isSafeInteger(ms)) throw refused(`the claim ${claim} must be a number of seconds since 1970`)
  return ms
}

function refused(message: string): SluiceError {
  return new SluiceError('unauthorized', message)
}
