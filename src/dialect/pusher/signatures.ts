/**
 * What the secret of an app signs: a connection's way into a channel, who a connection is, and the requests of backends. Texts are signed
 * as they came, byte for byte. Pure.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/** What an app proves itself with. It may have several at a time, so that one can be replaced. */
export interface Credential {
  readonly key: string
  readonly secret: string
}

const AUTH = /^([A-Za-z0-9_-]{1,64}):([0-9a-f]{64})$/

export function signatureOf(secret: string, text: string): string {
  return createHmac('sha256', secret).update(text).digest('hex')
}

/** What is signed for a channel. `channelData`: of a presence channel, exactly as the client sends it. */
export function channelText(socketId: string, channel: string, channelData: string | undefined): string {
  return channelData === undefined ? `${socketId}:${channel}` : `${socketId}:${channel}:${channelData}`
}

/** What is signed for a user who signs in. */
export function userText(socketId: string, userData: string): string {
  return `${socketId}::user::${userData}`
}

/** Whether `auth`, a key and a signature, is one of the app's for this text. */
export function isSigned(auth: unknown, text: string, credentials: readonly Credential[]): boolean {
  const [, key, signature] = (typeof auth === 'string' && AUTH.exec(auth)) || []
  const credential = credentials.find((one) => one.key === key)
  return (
    credential !== undefined &&
    signature !== undefined &&
    isSame(signatureOf(credential.secret, text), signature)
  )
}

/** A request of a backend, as far as it is signed. */
export interface SignedRequest {
  readonly method: string
  /** As it was asked for: not decoded, without the query. */
  readonly path: string
  readonly query: string
}

/** For so long a signed request is good, before and after its time. */
export const REQUEST_SECONDS = 600

/** Why a request is not the app's, as its backend is told; `undefined`: it is. Its body is not needed, so a stranger's is not read. */
export function requestFault(
  { method, path, query }: SignedRequest,
  credentials: readonly Credential[],
  nowMs: number,
): string | undefined {
  const params = new URLSearchParams(query)
  const credential = credentials.find(({ key }) => key === params.get('auth_key'))
  if (credential === undefined) return 'auth_key is missing, or none of this app'
  if (params.get('auth_version') !== '1.0') return 'auth_version must be 1.0'
  const timestamp = params.get('auth_timestamp') ?? ''
  if (!/^\d{1,12}$/.test(timestamp)) return 'auth_timestamp must be seconds since 1970'
  if (Math.abs(Number(timestamp) - nowMs / 1000) > REQUEST_SECONDS)
    return `auth_timestamp is more than ${REQUEST_SECONDS} s from the time of this node: look at the clocks`
  const given = params.get('auth_signature') ?? ''
  if (!isSame(signatureOf(credential.secret, requestText(method, path, params)), given))
    return 'auth_signature does not fit the request'
  return undefined
}

/** The same of its body, once the request is known to be signed. */
export function bodyFault(query: string, body: Uint8Array): string | undefined {
  const md5 = new URLSearchParams(query).get('body_md5')
  if (md5 === null) return body.length === 0 ? undefined : 'body_md5 is missing'
  return isSame(createHash('md5').update(body).digest('hex'), md5)
    ? undefined
    : 'body_md5 does not fit the body'
}

/** Keys in lower case and sorted, values as they are meant, several of one key joined by commas. */
export function requestText(method: string, path: string, params: URLSearchParams): string {
  const values = new Map<string, string[]>()
  for (const [name, value] of params) {
    const key = name.toLowerCase().replace(/\[\d*\]$/, '')
    if (key !== 'auth_signature') values.set(key, [...(values.get(key) ?? []), value])
  }
  const pairs = [...values].map(([key, all]): [string, string] => [key, all.join(',')])
  const sorted = pairs.toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `${method}\n${path}\n${sorted.map((pair) => pair.join('=')).join('&')}`
}

function isSame(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)]
  return one.length === other.length && timingSafeEqual(one, other)
}
