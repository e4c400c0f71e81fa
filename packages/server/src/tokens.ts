/** Tokens for clients, signed with the secret that the gateway has as `auth.jwtSecret` (HS256). */
import { createHmac } from 'node:crypto'

export interface TokenOptions {
  /** Who it is: `sub`. */
  readonly user: string
  /** Patterns of channels: a name, or the beginning of one with `*` behind it. Not listed is not allowed; the inbox needs no permission. */
  readonly subscribe?: readonly string[]
  readonly publish?: readonly string[]
  readonly history?: readonly string[]
  /** How long it is good. Default: an hour. The client fetches a fresh one in time. */
  readonly ttlSeconds?: number
  /** `aud` and `iss`, where the gateway is configured to ask for them. */
  readonly audience?: string | readonly string[]
  readonly issuer?: string
  /** Other claims beside these. */
  readonly claims?: Readonly<Record<string, unknown>>
}

const TTL_SECONDS = 3600
/** RFC 7518, section 3.2. */
const SECRET_BYTES_MIN = 32
const USER_LENGTH_MAX = 256
const PATTERNS_MAX = 256

/** What the gateway would refuse is a `TypeError` here, where somebody can do something about it. */
export function signToken(secret: string | undefined, options: TokenOptions, nowMs: number): string {
  const { user, subscribe, publish, history, ttlSeconds = TTL_SECONDS, audience, issuer, claims } = options
  if (secret === undefined || Buffer.byteLength(secret) < SECRET_BYTES_MIN)
    throw new TypeError(
      `tokens need \`secret\`, the auth.jwtSecret (SLUICE_JWT_SECRET) of the gateway, of at least ${SECRET_BYTES_MIN} bytes: openssl rand -hex 32`,
    )
  if (
    typeof user !== 'string' ||
    user === '' ||
    user.length > USER_LENGTH_MAX ||
    /[\p{Cc}\p{Cs}]/u.test(user)
  )
    throw new TypeError(`user is to be 1 to ${USER_LENGTH_MAX} characters without control characters`)
  if (!Number.isFinite(ttlSeconds) || ttlSeconds <= 0)
    throw new TypeError('ttlSeconds is to be a number above 0')
  const permissions = { subscribe, publish, history }
  for (const [name, patterns] of Object.entries(permissions)) checkPatterns(name, patterns)
  const seconds = Math.floor(nowMs / 1000)
  const payload = {
    ...claims,
    ...(audience !== undefined && { aud: audience }),
    ...(issuer !== undefined && { iss: issuer }),
    sub: user,
    iat: seconds,
    exp: seconds + Math.ceil(ttlSeconds),
    sluice: permissions,
  }
  const signed = [{ alg: 'HS256', typ: 'JWT' }, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

function checkPatterns(name: string, patterns: readonly string[] | undefined): void {
  if (patterns === undefined) return
  if (!Array.isArray(patterns) || patterns.length > PATTERNS_MAX)
    throw new TypeError(`${name} is to be a list of at most ${PATTERNS_MAX} patterns`)
  const wrong = patterns.find((pattern) => typeof pattern !== 'string' || !/^(?:[^*]+\*?|\*)$/.test(pattern))
  if (wrong !== undefined)
    throw new TypeError(
      `${name}: ${JSON.stringify(wrong)} is no pattern; one is a channel, or the beginning of one with a single * behind it`,
    )
}
