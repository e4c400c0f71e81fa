/**
 * How a client comes: for the first time, or back. Pure.
 */
import type { ResumeResult } from './ports.ts'
import type { From } from '../protocol/position.ts'

/** `returned`: in a new session, with a place to go on from, as streams and polls come back. */
export type HowCame = ResumeResult | 'returned'

/** `known`: whether the session that it asks for is. */
export function howCame(
  request: {
    readonly session: string | undefined
    readonly channels: ReadonlyMap<string, From | undefined>
  },
  known: boolean,
): HowCame {
  if (request.session !== undefined) return known ? 'resumed' : 'unknown_session'
  return [...request.channels.values()].some((from) => from !== undefined && 'epoch' in from)
    ? 'returned'
    : 'new'
}

/** As it is told of a session. */
export function shownAs(how: HowCame): ResumeResult {
  return how === 'returned' ? 'new' : how
}
