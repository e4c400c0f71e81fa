/**
 * What a position consists of, wherever one comes from: a frame, a cursor, a backend, an application. Pure; the SDK has it too.
 */

/**
 * A place in a channel's log. Offsets grow within an epoch, not always by one.
 * A new epoch means that the log was lost: positions of different epochs cannot be compared.
 */
export interface Position {
  readonly epoch: string
  readonly offset: number
}

/** Where a subscription starts: after a position, or with the last `last` messages. Absent: with what comes next. */
export type From = Position | { readonly last: number }

/** Why a client has to fetch its state anew. */
export type ResetReason = 'gap' | 'epoch' | 'trimmed'

export const EPOCH = /^[A-Za-z0-9]{1,32}$/

export function isSame(a: Position, b: Position): boolean {
  return a.offset === b.offset && a.epoch === b.epoch
}

export function isOffset(offset: unknown): offset is number {
  return Number.isSafeInteger(offset) && (offset as number) >= 0
}

export function isPosition({ epoch, offset }: Readonly<Record<keyof Position, unknown>>): boolean {
  return typeof epoch === 'string' && EPOCH.test(epoch) && isOffset(offset)
}
