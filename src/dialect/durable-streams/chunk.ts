/**
 * A piece of a channel's log, as a reader gets it at once. One piece ends where a message does.
 */
import { isBare, isEnd } from './end-mark.ts'
import type { ReadFrom } from './offset.ts'
import { asBuffer, jsonOf } from '../../protocol/json-data.ts'
import type { LoggedMessage, Message } from '../../protocol/message.ts'
import type { Position } from '../../protocol/position.ts'
import type { LogRange, ReplayLog } from '../../replay/replay-log.ts'

export type StreamLog = Pick<ReplayLog, 'read' | 'last' | 'head'>

const MESSAGES_MAX = 1000
const BYTES_MAX = 262_144

export interface Chunk {
  readonly start: Position
  readonly messages: readonly LoggedMessage[]
  /** Behind the last of them. */
  readonly next: Position
  /** It is the end of what there is now. */
  readonly upToDate: boolean
  /** And none will follow. */
  readonly closed: boolean
}

/** `undefined`: the place is not in the log any more. `keptMax`: of messages. Fails with `unavailable`. */
export async function chunkOf(
  log: StreamLog,
  channel: string,
  from: ReadFrom,
  keptMax: number,
): Promise<Chunk | undefined> {
  if (from === 'now') {
    const { head, messages } = rangeOf(await log.last(channel, 1))
    return { start: head, messages: [], next: head, upToDate: true, closed: messages.some(isEnd) }
  }
  const range =
    from === 'start' ? await fromStart(log, channel, keptMax) : await log.read(channel, from, MESSAGES_MAX)
  if (range.kind === 'lost') return undefined
  const [first] = range.messages
  const start =
    from !== 'start' ? from : first === undefined ? range.head : { ...range.head, offset: first.previous }
  const messages = range.messages.slice(0, countWithin(range.messages))
  const last = messages.at(-1)
  const next = last === undefined ? start : { epoch: last.epoch, offset: last.offset }
  const upToDate = next.epoch === range.head.epoch && next.offset >= range.head.offset
  const closed = upToDate && (last === undefined ? await endsWithMark(log, channel) : isEnd(last))
  return { start, messages: messages.filter((message) => !isBare(message)), next, upToDate, closed }
}

/** The messages as a JSON array; bytes are texts in base64. */
export function arrayOf(messages: readonly Message[]): Buffer {
  const parts: Uint8Array[] = []
  for (const message of messages) parts.push(parts.length === 0 ? OPEN : COMMA, valueOf(message))
  return Buffer.concat(parts.length === 0 ? [OPEN, CLOSE] : [...parts, CLOSE])
}

const OPEN = Buffer.from('[')
const COMMA = Buffer.from(',')
const CLOSE = Buffer.from(']')

function valueOf(message: Message): Uint8Array {
  return message.binary ? Buffer.from(`"${asBuffer(message.data).toString('base64')}"`) : jsonOf(message)
}

async function fromStart(log: StreamLog, channel: string, keptMax: number): Promise<LogRange> {
  const { epoch } = await log.head(channel)
  const range = await log.read(channel, { epoch, offset: 0 }, MESSAGES_MAX)
  // What was trimmed nobody can read: the stream begins with what is kept.
  return range.kind === 'lost' ? log.last(channel, keptMax) : range
}

async function endsWithMark(log: StreamLog, channel: string): Promise<boolean> {
  return rangeOf(await log.last(channel, 1)).messages.some(isEnd)
}

/** Of the newest messages there always is a range. */
function rangeOf(range: LogRange): { readonly messages: readonly LoggedMessage[]; readonly head: Position } {
  return range.kind === 'range' ? range : { messages: [], head: range.head }
}

/** One at least, however large. */
function countWithin(messages: readonly LoggedMessage[]): number {
  let bytes = 0
  let count = 0
  for (const { data } of messages) {
    bytes += data.length
    if (count > 0 && bytes > BYTES_MAX) break
    count++
  }
  return count
}
