/**
 * Bytes of frames. `Encoded` holds a message together with its bytes per wire format, each made at most once per node
 * however many subscribers there are.
 */
import { isUtf8 } from 'node:buffer'
import { publicName } from './channel.ts'
import type { ServerFrame } from './frames.ts'
import type { Message } from './message.ts'
import { onOneLine } from './raw-json.ts'

export class Encoded {
  readonly message: Message
  #webSocket: Buffer | undefined
  #json: string | undefined

  constructor(message: Message) {
    this.message = message
  }

  /** A whole WebSocket payload: text, or the binary form of docs/protocol.md where `message.binary`. */
  get webSocket(): Buffer {
    return (this.#webSocket ??= this.message.binary ? binaryFrame(this.message) : textFrame(this.message))
  }

  /**
   * The message as one line of JSON, as SSE and long poll carry it; binary data as base64. One line whatever a log holds: what
   * follows a line break would be fields of the event stream.
   */
  get json(): string {
    return (this.#json ??= this.message.binary
      ? `${envelope(this.message)},"encoding":"base64","data":"${toBuffer(this.message.data).toString('base64')}"}`
      : onOneLine(`${envelope(this.message)},"data":${jsonData(this.message).toString('utf8')}}`))
  }

  /** What it costs to keep it in a tail, about. */
  get bytes(): number {
    return this.message.data.length + 200
  }
}

/** The text of any other frame. Messages are never encoded this way. */
export function encodeFrame(frame: ServerFrame): string {
  return JSON.stringify(frame)
}

/** An open JSON object: everything of a message but its data. */
function envelope(message: Message): string {
  // Channel names need no escapes: their grammar has neither quotes nor control characters.
  const offset = message.kind === 'logged' ? `,"offset":${message.offset}` : ''
  const id = message.id === undefined ? '' : `,"id":${JSON.stringify(message.id)}`
  const from = message.from === undefined ? '' : `,"from":${JSON.stringify(message.from)}`
  const ack = message.kind === 'logged' && message.ack ? ',"ack":true' : ''
  return `{"type":"message","channel":"${publicName(message.channel)}"${offset}${id}${from},"time":${message.time}${ack}`
}

function textFrame(message: Message): Buffer {
  const head = `${envelope(message)},"data":`
  const headBytes = Buffer.byteLength(head)
  const data = jsonData(message)
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
function jsonData({ data }: Message): Buffer {
  const marked = data[0] === 0xef && data[1] === 0xbb && data[2] === 0xbf
  const bytes = toBuffer(marked ? data.subarray(3) : data)
  return isUtf8(bytes) ? bytes : Buffer.from(bytes.toString('utf8'))
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
