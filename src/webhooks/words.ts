/**
 * A request in our own words: JSON, signed as Standard Webhooks 1.0.0 says (https://www.standardwebhooks.com), for which most languages have
 * a library. Pure.
 */
import { createHmac, randomBytes } from 'node:crypto'
import type { Happening } from './happening.ts'

export interface Written {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const BASE64_SECRET = /^whsec_([A-Za-z0-9+/]{24,}={0,2})$/

/** What a secret of the configuration signs with: `whsec_` and base64, or the text itself. */
export function signingKey(secret: string): Buffer {
  const [, base64] = BASE64_SECRET.exec(secret) ?? []
  return base64 === undefined ? Buffer.from(secret) : Buffer.from(base64, 'base64')
}

/** The id is that of the first thing told: a request that is repeated as it was has the same. */
export function written(
  happenings: readonly Happening[],
  secret: string | undefined,
  nowMs: number,
): Written {
  return signed(
    `{"events":[${happenings.map(worded).join(',')}]}`,
    happenings[0]?.id ?? newId(),
    secret,
    nowMs,
  )
}

/** `secret` undefined: not signed, where whoever may publish to a subject of NATS is known. */
export function signed(body: string, id: string, secret: string | undefined, nowMs: number): Written {
  const timestamp = String(Math.floor(nowMs / 1000))
  const signature =
    secret === undefined
      ? undefined
      : createHmac('sha256', signingKey(secret)).update(`${id}.${timestamp}.${body}`).digest('base64')
  return {
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      ...(signature === undefined ? {} : { 'webhook-signature': `v1,${signature}` }),
    },
    body,
  }
}

export function newId(): string {
  return randomBytes(12).toString('base64url')
}

/** `data` is JSON already, and stands in it as what it is. */
function worded({ id, kind, atMs, data, ...about }: Happening): string {
  const text = JSON.stringify({ id, type: kind, time: atMs, ...about })
  return data === undefined ? text : `${text.slice(0, -1)},"data":${data}}`
}
