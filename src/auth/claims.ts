/**
 * What the claims of a token must be before anybody looks who it is for: JSON, in time (RFC 7519, section 4.1), from and for whom
 * the configuration says. One place for all algorithms; whether the signature is good was found out before. Pure.
 */
import { SluiceError } from '../errors.ts'

export type Claims = Readonly<Record<string, unknown>>

export interface ClaimRules {
  /** `undefined`: `aud` is not looked at. */
  readonly audience: readonly string[] | undefined
  /** `undefined`: `iss` is not looked at. */
  readonly issuer: readonly string[] | undefined
  readonly clockToleranceMs: number
}

export const NO_JWT =
  'the token is not a JWT: three parts in base64url with dots between them, a JSON header, and JSON claims'

/** `payload`: of a token whose signature is good. Fails with `unauthorized`. */
export function readClaims(payload: string, rules: ClaimRules, nowMs: number): Claims {
  const claims = objectOf(payload)
  if (rules.issuer !== undefined) checkIssuer(claims, rules.issuer)
  if (rules.audience !== undefined) checkAudience(claims, rules.audience)
  checkTime(claims, Math.floor(nowMs / 1000), rules.clockToleranceMs / 1000)
  return claims
}

function objectOf(payload: string): Claims {
  let value: unknown
  try {
    value = JSON.parse(payload)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused(NO_JWT)
  return value as Claims
}

function checkIssuer({ iss }: Claims, issuer: readonly string[]): void {
  if (issuer.some((one) => one === iss)) return
  throw refused(`the issuer of the token (iss) ${faultOf(iss)}; expected: ${issuer.join(' or ')}`)
}

/** One, or a list of which one is enough. */
function checkAudience({ aud }: Claims, audience: readonly string[]): void {
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (audience.some((one) => named.includes(one))) return
  throw refused(`the audience of the token (aud) ${faultOf(aud)}; expected: ${audience.join(' or ')}`)
}

function faultOf(claim: unknown): string {
  return claim === undefined ? 'is missing' : 'is another'
}

/** In whole seconds of now, as claims mostly have them. That `iat` is not of the future is looked at with the identity. */
function checkTime({ iat, nbf, exp }: Claims, nowSeconds: number, toleranceSeconds: number): void {
  checkMoment('iat', iat)
  checkMoment('nbf', nbf)
  if (nbf !== undefined && nbf > nowSeconds + toleranceSeconds)
    throw refused('the token is not valid yet (nbf)')
  checkMoment('exp', exp)
  if (exp !== undefined && exp <= nowSeconds - toleranceSeconds)
    throw new SluiceError('unauthorized', 'the token has expired (exp)', { freshTokenHelps: true })
}

function checkMoment(claim: string, value: unknown): asserts value is number | undefined {
  if (value === undefined || typeof value === 'number') return
  throw refused(`the claim ${claim} must be a number of seconds since 1970`)
}

function refused(message: string): SluiceError {
  return new SluiceError('unauthorized', message)
}
