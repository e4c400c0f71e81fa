/** What the gateway tells a backend by itself, once it is sure that the gateway has: signed as Standard Webhooks say. */
import { createHmac, timingSafeEqual } from 'node:crypto'

export interface WebhookEvent {
  /** The same each time that it is told: it may be told again. */
  readonly id: string
  readonly type:
    | 'channel_occupied'
    | 'channel_vacated'
    | 'member_added'
    | 'member_removed'
    | 'user_connected'
    | 'user_disconnected'
    | 'client_event'
    | 'cache_miss'
    | 'unacknowledged'
  /** Milliseconds since 1970. */
  readonly time: number
  readonly channel?: string
  readonly user?: string
  /** Of a `client_event`. */
  readonly event?: string
  readonly data?: unknown
  readonly session?: string
  /** Of an `unacknowledged` one: the publisher's id, and where it is. */
  readonly message?: string
  readonly offset?: number
}

export interface WebhookRequest {
  /** As of Node (`request.headers`) or of `fetch` (`request.headers`). */
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>
  /** The body as it came: parsed and written again, its signature is another one. */
  readonly body: string | Uint8Array
}

/** So old or so early a request may be. */
const TOLERANCE_MS = 300_000

/**
 * The events of a request, of which `secret` (`webhooks.targets.*.secret`) says that the gateway has sent it within the last five minutes. Throws
 * an `Error` that says what is wrong: answer 401 then.
 */
export function readWebhook(
  secret: string,
  { headers, body }: WebhookRequest,
  { toleranceMs = TOLERANCE_MS, nowMs = Date.now() } = {},
): readonly WebhookEvent[] {
  const [id, timestamp, signatures] = ['id', 'timestamp', 'signature'].map((name) =>
    headerOf(headers, `webhook-${name}`),
  )
  if (id === undefined || timestamp === undefined || signatures === undefined)
    throw new Error(
      'the request is not signed: it has no webhook-id, webhook-timestamp and webhook-signature',
    )
  if (!(Math.abs(nowMs - Number(timestamp) * 1000) <= toleranceMs))
    throw new Error('the request is too old, or the clocks differ: webhook-timestamp')
  const expected = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.`).update(body).digest()
  if (!signatures.split(' ').some((signature) => isSame(signature, expected)))
    throw new Error('the signature is not that of `secret`, or the body is not as it was sent')
  const text = typeof body === 'string' ? body : Buffer.from(body).toString()
  return (JSON.parse(text) as { readonly events: readonly WebhookEvent[] }).events
}

function headerOf(headers: WebhookRequest['headers'], name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

/** `whsec_` and base64, or the text itself: as the gateway takes it. */
function keyOf(secret: string): Buffer {
  const [, base64] = /^whsec_([A-Za-z0-9+/]{24,}={0,2})$/.exec(secret) ?? []
  return base64 === undefined ? Buffer.from(secret) : Buffer.from(base64, 'base64')
}

/** Several versions and keys may have signed it; ours is `v1`. */
function isSame(signature: string, expected: Buffer): boolean {
  if (!signature.startsWith('v1,')) return false
  const given = Buffer.from(signature.slice(3), 'base64')
  return given.length === expected.length && timingSafeEqual(given, expected)
}
