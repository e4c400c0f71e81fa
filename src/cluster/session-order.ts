/**
 * What a backend wants of single connections, as one node tells another. Pure.
 */
import { isObject } from '../protocol/json.ts'

/** How an end is worded where the protocol of the client has codes for that: from 3000 on they are an application's. */
export interface Wording {
  readonly code: number
  readonly reason: string
}

export type SessionOrder =
  /** Ends them. */
  | { readonly kind: 'end'; readonly as?: Wording }
  /** They are good until this moment, whatever their tokens say, in milliseconds since 1970; `undefined`: for as long as they like. */
  | { readonly kind: 'expire'; readonly atMs: number | undefined }

/** `undefined`: it is none that this version knows. */
export function sessionOrderIn(value: unknown): SessionOrder | undefined {
  if (!isObject(value)) return undefined
  const { kind, as, atMs } = value
  if (kind === 'end') return { kind, ...wordedIn(as) }
  if (kind === 'expire' && (atMs === undefined || typeof atMs === 'number')) return { kind, atMs }
  return undefined
}

export function wordedIn(as: unknown): { readonly as?: Wording } {
  if (!isObject(as)) return {}
  const { code, reason } = as
  return Number.isInteger(code) && typeof reason === 'string' ? { as: { code: code as number, reason } } : {}
}
