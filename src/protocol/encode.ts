/**
 * Bytes of frames. `Encoded` holds a message together with its bytes per wire format, each made at most once per node
 * however many subscribers there are.
 */
import { isUtf8 } from 'node:buffer'
import { publicName } from './channel.ts'
import type { HistoryReplyFrame, ServerFrame } from './frames.ts'
import type { Message } from './message.ts'
import { metadataBytes, type Metadata } from './metadata.ts'
import { isPinning } from './pinned.ts'
import { onOneLine } from './raw-json.ts'

/** Who keeps a message for a while, and counts what it holds. */
export interface Keeper {
  /** By so many bytes; fewer than none where it has shrunk. */
  grew(bytes: number): void
}

/** The objects around a payload that is kept: measured by test/unit/protocol/kept.test.ts. */
const OBJECTS_BYTES = 560

export class Encoded {
  readonly message: Message
  /** Whoever counts this message among what it holds. */
  keeper: Keeper | undefined
  #webSocket: Buffer | undefined
  #json: string | undefined
  #jsonBytes = 0
  /** Whether the payload is kept beside the frame that has it in it. */
  #beside = false

  constructor(message: Message) {
    this.message = message
  }

  /** A whole WebSocket payload: text, or the binary form of docs/protocol.md where `message.binary`. */
  get webSocket(): Buffer {
    return this.#webSocket ?? this.#frame()
  }

  /**
   * The message as one line of JSON, as SSE and long poll carry it; binary data as base64. One line whatever a log holds: what
   * follows a line break would be fields of the event stream.
   */
  get json(): string {
    return this.#json ?? this.#line()
  }

  /** What it costs to keep it, as it is now: the payload, the frame (with the payload in it, or beside), the line of JSON. */
  get bytes(): number {
    // By what was done here: others may have the same message, and their own bytes of it.
    const { data, meta } = this.message
    const { length } = data
    const objects = meta === undefined ? OBJECTS_BYTES : OBJECTS_BYTES + metadataBytes(meta)
    const frame = this.#webSocket
    if (frame === undefined) return objects + length + this.#jsonBytes
    return objects + frame.length + (this.#beside ? length : 0) + this.#jsonBytes
  }

  /** Lets go of the piece in which the payload came. */
  unpin(): void {
    const { data } = this.message
    if (isPinning(data)) setData(this.message, new Uint8Array(data))
  }

  /** For whoever keeps it for long: what can be made again goes. */
  settle(): void {
    const before = this.bytes
    this.#webSocket = undefined
    this.#json = undefined
    this.#jsonBytes = 0
    this.unpin()
    this.keeper?.grew(this.bytes - before)
  }

  #frame(): Buffer {
    const { message } = this
    const before = this.bytes
    const data = message.binary ? message.data : jsonData(message)
    const frame = message.binary ? binaryFrame(message) : textFrame(message, data)
    // The frame has the payload in it: what that came in, and all that came with it, need not be kept as well.
    this.#beside = !isPinning(message.data) || data.length !== message.data.length
    if (!this.#beside) {
      const end = message.binary ? frame.length : frame.length - 1
      setData(message, frame.subarray(end - data.length, end))
    }
    this.#webSocket = frame
    this.keeper?.grew(this.bytes - before)
    return frame
  }

  #line(): string {
    const { message } = this
    const json = message.binary
      ? `${envelope(message)},"encoding":"base64","data":"${toBuffer(message.data).toString('base64')}"}`
      : onOneLine(`${envelope(message)},"data":${jsonData(message).toString('utf8')}}`)
    this.#json = json
    // One byte for each character, or two where one of them is beyond Latin-1.
    this.#jsonBytes = Buffer.byteLength(json) === json.length ? json.length : json.length * 2
    this.keeper?.grew(this.#jsonBytes)
    return json
  }
}

/** The same bytes in another place: nobody can tell, so nobody minds that it is done to a message. */
function setData(message: Message, data: Uint8Array): void {
  ;(message as { data: Uint8Array }).data = data
}

/** A reply whose messages are lines of JSON already: payloads leave as they came. */
export interface HistoryLines extends Omit<HistoryReplyFrame, 'messages'> {
  readonly messages: readonly string[]
}

/** The text of any other frame. Messages are never encoded this way. */
export function encodeFrame(frame: ServerFrame | HistoryLines): string {
  if (frame.type !== 'history') return JSON.stringify(frame)
  const { messages, ...head } = frame
  return `${JSON.stringify(head).slice(0, -1)},"messages":[${(messages as readonly string[]).join(',')}]}`
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

function textFrame(message: Message, data: Uint8Array): Buffer {
  const head = `${envelope(message)},"data":`
  const headBytes = Buffer.byteLength(head)
  const frame = Buffer.allocUnsafe(headBytes + data.length + 1)
  frame.write(head, 0)
  frame.set(data, headBytes)
  frame[frame.length - 1] = 0x7d
  return frame
}

function binaryFrame(message: Message): Buffer {
  const head = `${envelope(message)}}`
  const headBytes = Buffer.byteLength(head)
  const frame = Buffer.allocUnsafe(4 + headBytes + message.data.length)
  frame.writeUInt32BE(headBytes, 0)
  frame.write(head, 4)
  frame.set(message.data, 4 + headBytes)
  return frame
}

/**
 * Logs keep for days what was taken before every door refused a byte order mark; behind an envelope it is not JSON. And what is not
 * UTF-8 would end each WebSocket that it comes to (RFC 6455, section 8.1), again and again.
 */
export function jsonData({ data }: Message): Buffer {
  const marked = data[0] === 0xef && data[1] === 0xbb && data[2] === 0xbf
  const bytes = toBuffer(marked ? data.subarray(3) : data)
  return isUtf8(bytes) ? bytes : Buffer.from(bytes.toString('utf8'))
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
