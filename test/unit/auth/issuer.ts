/** An issuer of tokens for the tests: keys of every kind, and claims that are good unless a test says otherwise. */
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { createTokens, type TokenOptions, type Tokens } from '../../../src/auth/tokens.ts'

export const SECRET = 'a secret of the tests, long enough for SHA-512: 0123456789abcdef0123456789'

/** 2027-01-15T08:00:00Z: nothing here may depend on the time of the run. */
export const NOW_MS = 1_800_000_000_000
export const NOW_SECONDS = NOW_MS / 1000

export class TestClock {
  nowMs = NOW_MS
  now(): number {
    return this.nowMs
  }
  monotonicMs(): number {
    return this.nowMs
  }
  pass(ms: number): void {
    this.nowMs += ms
  }
}

export const noEvents = { keySetFetched: () => undefined, keySetFailed: () => undefined }

export function tokensWith(options: Partial<TokenOptions>): Tokens {
  return createTokens({ clockToleranceMs: 0, ...options }, { clock: new TestClock(), events: noEvents })
}

export const goodClaims: JWTPayload = {
  sub: 'alice',
  iat: NOW_SECONDS - 10,
  exp: NOW_SECONDS + 600,
  sluice: { subscribe: ['news:*'], publish: ['chat:42'] },
}

export interface Signer {
  readonly alg: string
  readonly kid?: string
  readonly typ?: string
  readonly key: Parameters<SignJWT['sign']>[0]
}

export function secretSigner(alg = 'HS256', secret = SECRET): Signer {
  return { alg, key: Buffer.from(secret) }
}

export function sign(claims: JWTPayload, signer: Signer = secretSigner()): Promise<string> {
  const { alg, kid, typ, key } = signer
  const header = { alg, ...(kid === undefined ? {} : { kid }), ...(typ === undefined ? {} : { typ }) }
  return new SignJWT(claims).setProtectedHeader(header).sign(key)
}

export interface KeyPair extends Signer {
  readonly pem: string
  /** The public JWK, with `kid` where one was given. */
  readonly jwk: Readonly<Record<string, unknown>>
  readonly privateJwk: Readonly<Record<string, unknown>>
}

export async function keyPair(alg: string, kid?: string): Promise<KeyPair> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const named = kid === undefined ? {} : { kid }
  return {
    alg,
    ...named,
    key: privateKey,
    pem: await exportSPKI(publicKey),
    jwk: { ...(await exportJWK(publicKey)), ...named },
    privateJwk: { ...(await exportJWK(privateKey)), ...named },
  }
}

/** A token with any header, claims and signature, for what no library would make. */
export function handmade(header: unknown, claims: unknown, signature = 'c2lnbmF0dXJl'): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part(header)}.${part(claims)}.${signature}`
}
