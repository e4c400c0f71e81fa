/**
 * Which of two acknowledged positions counts. Pure.
 */
import type { Position } from '../protocol/position.ts'

/** Negative: the left epoch is earlier. */
export function compareEpochs(left: string, right: string): number {
  if (left.length !== right.length) return left.length - right.length
  return left < right ? -1 : left > right ? 1 : 0
}

export function isFurther(position: Position, than: Position | undefined): boolean {
  if (than === undefined) return true
  const epochs = compareEpochs(position.epoch, than.epoch)
  return epochs > 0 || (epochs === 0 && position.offset > than.offset)
}

/** The one that counts. */
export function furthest(left: Position | undefined, right: Position | undefined): Position | undefined {
  return left !== undefined && isFurther(left, right) ? left : right
}
