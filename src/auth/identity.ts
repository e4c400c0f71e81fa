/**
 * Claims whose signature, time and audience are good -> who this is and what it may do. Pure.
 */
import { SluiceError } from '../errors.ts'
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
  const { user, expiresAtMs, issuedAtMs, tokenless, channel, channels } = identity
  return {
    ...{ user, permissions, expiresAtMs, issuedAtMs },
    ...(tokenless === undefined ? {} : { tokenless }),
    ...(channel === undefined ? {} : { channel }),
    ...(channels === undefined ? {} : { channels }),
  }
}

function secondsOf(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000
}

/** The same milliseconds again, whatever the fraction. */
function millisecondsOf(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.round(seconds * 1000)
}

/** A user id is opaque to the gateway, but it is part of keys and of log lines. */
const USER_LENGTH_MAX = 256

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
  // Fields of the few that have them.
  if (typeof claims.channel === 'string')
    return Object.assign(identity, { channel: claims.channel }, channelsIn(claims))
  return Object.assign(identity, channelsIn(claims))
}

/** Fields that the gateway does not know are ignored (RFC 7519, section 4), so that tokens may be newer than nodes. */
function permissionsOf(claim: unknown, table: PatternTable): Permissions {
  if (claim === undefined) return table.permissions([], [], [])
  if (typeof claim !== 'object' || claim === null || Array.isArray(claim)) {
    throw refused('the claim sluice must be an object: {"subscribe": [patterns], "publish": [patterns]}')
  }
  const { subscribe, publish, history } = claim as Readonly<Record<string, unknown>>
  return table.permissions(
    patterns('sluice.subscribe', subscribe),
    patterns('sluice.publish', publish),
    patterns('sluice.history', history),
  )
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
