/**
 * Fields of the server API's requests. Each reader fails with `bad_request` and a sentence that names the field.
 */
import type { ErrorReply, StreamPosition } from './messages.ts'
import { CHANNEL_RULE_OF_CENTRIFUGE, internalNameOf } from './names.ts'
import { SluiceError } from '../../errors.ts'
import { fromBase64 } from '../../protocol/base64.ts'
import { isObject } from '../../protocol/json.ts'
import { onOneLine, rawMember } from '../../protocol/raw-json.ts'
import { saidInBytes } from '../../protocol/said.ts'

export type Params = Readonly<Record<string, unknown>>

export function text(params: Params, name: string): string {
  const value = params[name]
  if (typeof value === 'string' && value !== '') return value
  throw new SluiceError('bad_request', `${name} must be a text that is not empty`)
}

export function list(params: Params, name: string): readonly unknown[] {
  const value = params[name]
  if (Array.isArray(value)) return value
  throw new SluiceError('bad_request', `${name} must be a list`)
}

export function texts(params: Params, name: string): readonly string[] {
  const found = list(params, name)
  if (found.every((one) => typeof one === 'string')) return found
  throw new SluiceError('bad_request', `${name} must be a list of texts`)
}

/** Absent is 0. */
export function number(params: Params, name: string): number {
  const value = params[name] ?? 0
  if (Number.isSafeInteger(value)) return value as number
  throw new SluiceError('bad_request', `${name} must be a whole number`)
}

export function position(params: Params, name: string): StreamPosition | undefined {
  const value = params[name] ?? undefined
  if (value === undefined) return undefined
  const { offset = 0, epoch = '' } = value as { readonly offset?: unknown; readonly epoch?: unknown }
  if (Number.isSafeInteger(offset) && (offset as number) >= 0 && typeof epoch === 'string')
    return { offset: offset as number, epoch }
  throw new SluiceError('bad_request', `${name} must be {"offset": a whole number, "epoch": a text}`)
}

/** Without what only clients look at. */
export function errorIn({ code, message }: ErrorReply): { readonly code: number; readonly message: string } {
  return { code, message }
}

/** The gateway does not do this; the sentence says what there is instead. */
export class NotAvailable extends Error {}

/** Nothing is done in part: what is asked for and not offered is refused. */
export function checkOffered(
  params: Params,
  unfit: readonly string[],
  why = 'the gateway does not offer it',
): void {
  const asked = unfit.find((name) => isAsked(params[name]))
  if (asked !== undefined) throw new NotAvailable(`${asked}: ${why}`)
}

/** Libraries send what nobody has set as an empty value. */
export function isAsked(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return false
  return typeof value !== 'object' || Object.keys(value).length > 0
}

/** The name is fine, and there is nothing of that kind. */
export class UnknownChannel extends Error {}

export function channelOf(
  name: unknown,
  { knows }: { readonly knows: (channel: string) => boolean },
): string {
  const channel = typeof name === 'string' ? internalNameOf(name) : undefined
  if (channel === undefined)
    throw new SluiceError('bad_request', `channel is not valid: ${CHANNEL_RULE_OF_CENTRIFUGE}`)
  if (!knows(channel)) throw new UnknownChannel()
  return channel
}

/** Absent is nothing. */
export function optionalText(params: Params, name: string): string | undefined {
  return isAsked(params[name]) ? text(params, name) : undefined
}

export function section(params: Params, name: string): Params | undefined {
  const value = params[name]
  if (!isAsked(value)) return undefined
  if (isObject(value)) return value
  throw new SluiceError('bad_request', `${name} must be an object`)
}

/** `undefined`: not asked for. */
export function bytesOf(params: Params, name: string): Buffer | undefined {
  const value = params[name]
  if (!isAsked(value)) return undefined
  const bytes = fromBase64(value)
  if (bytes !== undefined) return bytes
  throw new SluiceError('bad_request', `${name} must be base64 (RFC 4648, section 4)`)
}

/** `data` or `b64data`, or `info`, as JSON. Bytes go before a value. `raw` is what `params` was parsed from. */
export function saidOf(params: Params, raw: string, name: 'data' | 'info'): string | undefined {
  const bytes = bytesOf(params, `b64${name}`)
  if (bytes !== undefined) return saidInBytes(bytes)
  return isAsked(params[name]) ? onOneLine(rawMember(raw, name) as string) : undefined
}

/** Seconds since 1970 in milliseconds; `undefined`: not asked for. */
export function momentMs(params: Params, name: string): number | undefined {
  const seconds = number(params, name)
  if (seconds < 0) throw new SluiceError('bad_request', `${name} is in seconds since 1970`)
  return seconds === 0 ? undefined : seconds * 1000
}
