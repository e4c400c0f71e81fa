/**
 * Fields of the server API's requests. Each reader fails with `bad_request` and a sentence that names the field.
 */
import type { ErrorReply, StreamPosition } from './messages.ts'
import { SluiceError } from '../../errors.ts'

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
