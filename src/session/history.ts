/**
 * A page of a channel's log, for a client whose token allows to read back.
 */
import type { ChannelHistory } from './ports.ts'
import { SluiceError } from '../errors.ts'
import { Encoded, type HistoryLines } from '../protocol/encode.ts'
import type { HistoryFrame, Position } from '../protocol/frames.ts'
import type { LogRange } from '../replay/replay-log.ts'

/** A page, where the client asks for no number. */
const LIMIT_DEFAULT = 50
/** The rest is on the next page: one reply is not to fill the buffer of the connection. */
const PAGE_BYTES_MAX = 131_072

/** Whoever may read the channel, and where, was asked before. Fails with `unavailable`, and with `bad_request` on ephemeral channels. */
export async function pageOf(
  { ref, channel, limit = LIMIT_DEFAULT, before, after }: HistoryFrame,
  log: ChannelHistory | undefined,
): Promise<HistoryLines> {
  if (log === undefined)
    throw new SluiceError('bad_request', `history: ${channel} is ephemeral, its messages are not kept`)
  // One more tells whether there is another page.
  const wanted = limit + 1
  const range = await readFrom(log, before, after, wanted)
  const { epoch, offset } = range.head
  const head = { type: 'history', ref, channel, epoch, offset } as const
  if (range.kind === 'lost')
    return { ...head, messages: [], more: false, reset: range.why === 'ahead' ? 'gap' : range.why }
  // From the end that the client reads on from.
  const lines = range.messages.map((message) => new Encoded(message).json)
  const ordered = after === undefined ? lines.toReversed() : lines
  const taken = ordered.slice(0, countWithin(ordered.slice(0, limit)))
  return {
    ...head,
    messages: after === undefined ? taken.toReversed() : taken,
    more: taken.length < ordered.length,
  }
}

function readFrom(
  log: ChannelHistory,
  before: Position | undefined,
  after: Position | undefined,
  wanted: number,
): Promise<LogRange> {
  if (after !== undefined) return log.read(after, wanted)
  return before === undefined ? log.last(wanted) : log.before(before, wanted)
}

/** One at least, however large. */
function countWithin(lines: readonly string[]): number {
  let bytes = 0
  let count = 0
  for (const line of lines) {
    bytes += line.length
    if (count > 0 && bytes > PAGE_BYTES_MAX) break
    count++
  }
  return count
}
