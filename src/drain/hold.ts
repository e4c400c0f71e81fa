/**
 * Why moving waits. Pure.
 */
import type { HOLD_REASONS } from '../protocol/states.ts'

/** In one word; a hold says it in a sentence as well. */
export type HoldReason = (typeof HOLD_REASONS)[number]

export interface Hold {
  readonly why: HoldReason
  readonly text: string
}

export const NOT_BACK: Hold = { why: 'returning', text: 'the last to leave are not back yet' }

/** Others, or this node itself. */
export function unwell({
  why = 'unwell',
  reason,
}: {
  readonly why?: HoldReason
  readonly reason: string
}): Hold {
  return { why, text: reason }
}

/** `full`: which limit it is. */
export function noRoom({
  full = 'the others have no room for more connections',
}: {
  readonly full?: string
}): Hold {
  return { why: 'room', text: full }
}
