/**
 * What a position consists of, wherever one comes from: a frame, a cursor, a backend, an application. Pure; the SDK has it too.
 */
import type { Position } from './frames.ts'

export const EPOCH = /^[A-Za-z0-9]{1,32}$/

export function isOffset(offset: unknown): offset is number {
  return Number.isSafeInteger(offset) && (offset as number) >= 0
}

export function isPosition({ epoch, offset }: Readonly<Record<keyof Position, unknown>>): boolean {
  return typeof epoch === 'string' && EPOCH.test(epoch) && isOffset(offset)
}
