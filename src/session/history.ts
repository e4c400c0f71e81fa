/**
 * A page of a channel's log, for a client whose token allows to read back.
 */
import type { ChannelHistory } from './ports.ts'
import { SluiceError } from '../errors.ts'
import type { Message } from '../protocol/message.ts'
import type { Position, ResetReason } from '../protocol/position.ts'
import type { LogRange } from '../replay/replay-log.ts'

/** Which page: the newest messages, the newest ones before a position, or the oldest ones after one. */
export interface PageRequest {
  /** Of messages. */
  readonly limit?: number
  readonly before?: Position
  readonly after?: Position
}

/** What a message is to the client, a text or bytes. */
export interface Measured {
  readonly length: number
}

export interface LogPage<Line extends Measured> {
  /** Of the newest message of the channel. */
  readonly head: Position
  /** Oldest first. */
  readonly messages: readonly Line[]
  /** There are more in the direction that was asked for. */
  readonly more: boolean
  /** What was asked for is not there any more: there are no messages. */
  readonly reset?: ResetReason
}

export interface Wanted<Line extends Measured> {
  readonly request: PageRequest
  readonly worded: (message: Message) => Line
}

/** A page, where the client asks for no number. */
const LIMIT_DEFAULT = 50
/** The rest is on the next page: one reply is not to fill the buffer of the connection. */
const PAGE_BYTES_MAX = 131_072

/** Whoever may read the channel, and where, was asked before. Fails with `unavailable`, and with `bad_request` on ephemeral channels. */
export async function pageOf<Line extends Measured>(
  channel: string,
  { request, worded }: Wanted<Line>,
  log: ChannelHistory | undefined,
): Promise<LogPage<Line>> {
  if (log === undefined)
    throw new SluiceError('bad_request', `history: ${channel} is ephemeral, its messages are not kept`)
  const { limit = LIMIT_DEFAULT, before, after } = request
  // One more tells whether there is another page.
  const wanted = limit + 1
  const range = await readFrom(log, before, after, wanted)
  const { head } = range
  if (range.kind === 'lost')
    return { head, messages: [], more: false, reset: range.why === 'ahead' ? 'gap' : range.why }
  // From the end that the client reads on from.
  const lines = range.messages.map((message) => worded(message))
  const ordered = after === undefined ? lines.toReversed() : lines
  const taken = ordered.slice(0, countWithin(ordered.slice(0, limit)))
  return {
    head,
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
function countWithin(lines: readonly Measured[]): number {
  let bytes = 0
  let count = 0
  for (const line of lines) {
    bytes += line.length
    if (count > 0 && bytes > PAGE_BYTES_MAX) break
    count++
  }
  return count
}
