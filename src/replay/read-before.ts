/**
 * A log read backwards. Logs read from a position on, or their newest messages; offsets of some do not grow by one.
 */
import type { Position } from '../protocol/position.ts'
import type { LogRange, ReplayLog } from './replay-log.ts'

/**
 * The newest messages before a position, oldest first. As many steps back as messages are wanted are enough where offsets grow by one; where
 * they do not, or the log does not reach back that far, all that it keeps (`keptMax`) is looked through.
 */
export async function readBefore(
  log: Pick<ReplayLog, 'read' | 'last'>,
  channel: string,
  { epoch, offset }: Position,
  { limit, keptMax }: { readonly limit: number; readonly keptMax: number },
): Promise<LogRange> {
  const start = offset - 1 - limit
  if (start >= 0) {
    const near = await log.read(channel, { epoch, offset: start }, limit)
    if (near.kind === 'range') {
      const messages = near.messages.filter((message) => message.offset < offset)
      if (messages.length === limit) return { ...near, messages }
    } else if (near.why !== 'trimmed') return near
  }
  const all = await log.last(channel, keptMax)
  if (all.kind === 'lost') return all
  if (all.head.epoch !== epoch) return { kind: 'lost', why: 'epoch', head: all.head }
  return { ...all, messages: all.messages.filter((message) => message.offset < offset).slice(-limit) }
}
