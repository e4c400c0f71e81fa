/**
 * Everything that goes to clients of `sluice.v1`: messages as whole WebSocket payloads and as lines of JSON, other frames as
 * the text of their JSON.
 */
import { publicName } from '../../protocol/channel.ts'
import { Written, type ChannelEvent, type Form, type Reset } from '../../protocol/form.ts'
import { asBuffer, jsonOf } from '../../protocol/json-data.ts'
import { userOf } from '../../protocol/member-name.ts'
import type { Message } from '../../protocol/message.ts'
import type { Metadata } from '../../protocol/metadata.ts'
import { onOneLine } from '../../protocol/raw-json.ts'
import type { Members } from '../../presence/info.ts'
import type { Published } from '../../publish/publisher.ts'
import type {
  HistoryReplyFrame,
  JoinFrame,
  PresenceReplyFrame,
  PublishedFrame,
  ResetFrame,
  ServerFrame,
} from './frames.ts'

/** A WebSocket payload: text, or the binary form of docs/protocol.md where the message is binary. */
export const FRAMES: Form<Buffer> = {
  // Its topics have the names of the channels.
  topicPrefix: '',
  message: (message) => (message.binary ? binaryFrame(message) : textFrame(message)),
  reset: (reset) => new Written(Buffer.from(encodeFrame(resetFrame(reset)))),
  event: (event) => (event.sameUser === true ? undefined : new Written(Buffer.from(eventText(event)))),
}

/**
 * The message as one line of JSON, as SSE and long poll carry it; binary data as base64. One line whatever a log holds: what
 * follows a line break would be fields of the event stream.
 */
export const LINES: Form<string> = {
  topicPrefix: '',
  message: (message) => new Written(lineOf(message)),
  reset: (reset) => new Written(encodeFrame(resetFrame(reset))),
  event: (event) => (event.sameUser === true ? undefined : new Written(onOneLine(eventText(event)))),
}

/** A reply whose messages are lines of JSON already: payloads leave as they came. */
export interface HistoryLines extends Omit<HistoryReplyFrame, 'messages'> {
  readonly messages: readonly string[]
}

/** A reply whose data is JSON already. */
export interface MembersReply extends Omit<PresenceReplyFrame, 'users' | 'data' | 'partial'> {
  readonly members: Members
}

/** Any frame as it is sent. */
export type SentFrame =
  | Exclude<ServerFrame, HistoryReplyFrame | PresenceReplyFrame | JoinFrame | PublishedFrame>
  | HistoryLines
  | MembersReply

/** The text of any frame but a message and the answer to a publish, which are many. */
export function encodeFrame(frame: SentFrame): string {
  switch (frame.type) {
    case 'history': {
      const { messages, ...head } = frame
      return `${openObject(head)},"messages":[${messages.join(',')}]}`
    }
    case 'presence': {
      const { members, ...head } = frame
      const { text, partial } = sayingsOf(members, SAYINGS_CHARACTERS_MAX)
      const data = text === '{}' ? '' : `,"data":${text}`
      return `${openObject({ ...head, users: [...members.keys()] })}${data}${partial ? ',"partial":true' : ''}}`
    }
    default:
      return JSON.stringify(frame)
  }
}

/** A `PublishedFrame`. What a backend has answered leaves as it came. */
export function publishedText(ref: number, { epoch, offset, duplicate, answer }: Published): string {
  // An epoch needs no escapes: it is letters and digits.
  const position = epoch === undefined || offset === undefined ? '' : `,"epoch":"${epoch}","offset":${offset}`
  const data = answer === undefined ? '' : `,"data":${answer}`
  return `{"type":"published","ref":${ref}${position}${duplicate === true ? ',"duplicate":true' : ''}${data}}`
}

/** Data of members in one reply: about as much as a page of history has. */
const SAYINGS_CHARACTERS_MAX = 262_144

/** What members say of themselves who have said something, by user, as much as fits; `partial`: that is not all. */
export function sayingsOf(
  members: Members,
  charactersMax = Infinity,
): { readonly text: string; readonly partial: boolean } {
  const said: string[] = []
  let room = charactersMax
  let partial = false
  for (const [user, json] of members) {
    if (json === undefined) continue
    room -= json.length
    if (room < 0) partial = true
    else said.push(`${JSON.stringify(user)}:${json}`)
  }
  return { text: `{${said.join(',')}}`, partial }
}

function eventText({ type, channel, user, json, count }: ChannelEvent): string {
  const data = json === undefined ? '' : `,"data":${json}`
  return `${openObject({ type, channel, user: userOf(user) })}${data}${count === undefined ? '' : `,"count":${count}`}}`
}

/** Without its end: more may follow. */
function openObject(members: object): string {
  return JSON.stringify(members).slice(0, -1)
}

export function lineOf(message: Message): string {
  return message.binary
    ? `${envelope(message)},"encoding":"base64","data":"${asBuffer(message.data).toString('base64')}"}`
    : onOneLine(`${envelope(message)},"data":${jsonOf(message).toString('utf8')}}`)
}

function resetFrame({ channel, position, reason, delayMs }: Reset): ResetFrame {
  const { epoch, offset } = position
  return { type: 'reset', channel: publicName(channel), epoch, offset, reason, delay: delayMs }
}

/** An open JSON object: everything of a message but its data. */
function envelope(message: Message): string {
  // Channel names need no escapes: their grammar has neither quotes nor control characters.
  const offset = message.kind === 'logged' ? `,"offset":${message.offset}` : ''
  const id = message.id === undefined ? '' : `,"id":${JSON.stringify(message.id)}`
  const from = message.from === undefined ? '' : `,"from":${JSON.stringify(message.from)}`
  const ack = message.kind === 'logged' && message.ack ? ',"ack":true' : ''
  const shown = message.meta === undefined ? '' : shownMetadata(message.meta)
  return `{"type":"message","channel":"${publicName(message.channel)}"${offset}${id}${from}${shown},"time":${message.time}${ack}`
}

/** Who is excluded is nobody's business. */
function shownMetadata({ event, headers }: Metadata): string {
  const named = event === undefined ? '' : `,"event":${JSON.stringify(event)}`
  return headers === undefined ? named : `${named},"headers":${JSON.stringify(headers)}`
}

function textFrame(message: Message): Written<Buffer> {
  const data = jsonOf(message)
  const head = `${envelope(message)},"data":`
  const headBytes = Buffer.byteLength(head)
  const frame = Buffer.allocUnsafe(headBytes + data.length + 1)
  frame.write(head, 0)
  frame.set(data, headBytes)
  frame[frame.length - 1] = 0x7d
  return new Written(frame, false, data.length === message.data.length ? headBytes : -1)
}

function binaryFrame(message: Message): Written<Buffer> {
  const head = `${envelope(message)}}`
  const headBytes = Buffer.byteLength(head)
  const frame = Buffer.allocUnsafe(4 + headBytes + message.data.length)
  frame.writeUInt32BE(headBytes, 0)
  frame.write(head, 4)
  frame.set(message.data, 4 + headBytes)
  return new Written(frame, true, 4 + headBytes)
}
