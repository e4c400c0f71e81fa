/**
 * Where a reader is, as Durable Streams writes it: an opaque text that sorts as the positions of one epoch do. Pure.
 */
import { isPosition, type Position } from '../../protocol/position.ts'

/** 2^53 has so many digits. */
const DIGITS = 16
const OFFSET = /^([^_]+)_(\d{16})$/

/** The beginning of what is kept, the end as it is now, or a place. */
export type ReadFrom = 'start' | 'now' | Position

export function offsetText({ epoch, offset }: Position): string {
  return `${epoch}_${String(offset).padStart(DIGITS, '0')}`
}

/** `undefined`: it is none. Absent is the beginning. */
export function readFromIn(text: string | null): ReadFrom | undefined {
  if (text === null || text === '-1') return 'start'
  if (text === 'now') return 'now'
  const [, epoch = '', digits = ''] = OFFSET.exec(text) ?? []
  const position = { epoch, offset: Number(digits) }
  return epoch !== '' && isPosition(position) ? position : undefined
}
