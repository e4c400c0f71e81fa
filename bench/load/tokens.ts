/** HS256 tokens (RFC 7515), minted here so that the load depends on nothing of what it measures. */
import { createHmac } from 'node:crypto'
import { TOKEN_SECRET } from '../peers/terms.ts'

const LIFETIME_SECONDS = 3600
const HEADER = base64url({ alg: 'HS256', typ: 'JWT' })

export function mintToken(user: string): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    sub: user,
    iat: now,
    exp: now + LIFETIME_SECONDS,
    sluice: { subscribe: ['bench:*'], publish: ['bench:*'] },
  }
  const signed = `${HEADER}.${base64url(claims)}`
  return `${signed}.${createHmac('sha256', TOKEN_SECRET).update(signed).digest('base64url')}`
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
