/**
 * The messages of a channel's log as Centrifuge asks for them: from either end, after or before a position.
 */
import type { HistoryRequest } from './messages.ts'
import { EPOCH, type Position } from '../../protocol/position.ts'
import type { LoggedMessage } from '../../protocol/message.ts'
import type { ReplayLog } from '../../replay/replay-log.ts'

/** So many messages at most are read and given at once. */
export const HISTORY_MAX = 1000

/** In place of one that no log of the gateway can have: it is the epoch of none. */
export const FOREIGN_EPOCH = 'foreign'

export interface History {
  readonly messages: readonly LoggedMessage[]
  /** Of the newest message in the log. */
  readonly head: Position
}

export type HistoryLog = Pick<ReplayLog, 'read' | 'last' | 'head'>

/** `undefined`: the position is of another epoch than the log, or beyond it. Fails with `unavailable`. */
export async function historyOf(
  log: HistoryLog,
  channel: string,
  request: Pick<HistoryRequest, 'limit' | 'since' | 'reverse'>,
): Promise<History | undefined> {
  const { limit = 0, reverse = false } = request
  const count = limit < 0 ? HISTORY_MAX : Math.min(limit, HISTORY_MAX)
  const head = await log.head(channel)
  const since = request.since === undefined ? undefined : positionIn(request.since, head)
  if (since !== undefined && (since.epoch !== head.epoch || since.offset > head.offset)) return undefined
  if (count === 0) return { messages: [], head }
  if (since !== undefined && !reverse) {
    const range = await log.read(channel, since, count)
    if (range.kind === 'range') return { messages: range.messages, head: range.head }
    // Of what was trimmed nothing can be had; what is left is given from its beginning.
    if (range.why !== 'trimmed') return undefined
  }
  const last = await log.last(channel, reverse && since === undefined ? count : HISTORY_MAX)
  if (last.kind === 'lost' || (since !== undefined && last.head.epoch !== since.epoch)) return undefined
  const messages = reverse ? last.messages.toReversed() : last.messages
  const wanted =
    since === undefined || !reverse ? messages : messages.filter(({ offset }) => offset < since.offset)
  return { messages: wanted.slice(0, count), head: last.head }
}

/** An absent epoch is whichever the log is in; one that the gateway cannot have given is another. */
export function positionIn(
  { epoch = '', offset = 0 }: { readonly epoch?: string; readonly offset?: number },
  head: Position,
): Position {
  if (epoch === '') return { epoch: head.epoch, offset }
  return { epoch: EPOCH.test(epoch) ? epoch : FOREIGN_EPOCH, offset }
}
