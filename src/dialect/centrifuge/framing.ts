/**
 * How frames of Centrifuge stand in an answer that stays open: on a line each, as events of an event stream, or, in Protobuf, one behind
 * the other. A message goes to many clients one after the other, so the last one that was put in form is kept.
 */
import type { Encoding } from './encoding.ts'
import { isComeback } from './codes.ts'
import type { Framing } from '../emulation.ts'
import type { ResponseHeaders } from '../../drivers/uws.ts'

interface Style {
  readonly headers: ResponseHeaders
  readonly opening: string
  readonly filler: string
  readonly head: string
  readonly tail: string
}

export type StreamStyle = 'lines' | 'events' | 'protobuf'

const STYLES: Readonly<Record<StreamStyle, Style>> = {
  // Ping is what every client passes over.
  lines: {
    headers: { 'content-type': 'application/json' },
    opening: '',
    filler: '{}\n',
    head: '',
    tail: '\n',
  },
  events: {
    headers: { 'content-type': 'text/event-stream' },
    // As Centrifuge's own server: some browsers call a stream open when its first bytes have come.
    opening: '\r\n',
    filler: ':\n\n',
    head: 'data: ',
    tail: '\n\n',
  },
  protobuf: {
    headers: { 'content-type': 'application/octet-stream' },
    opening: '',
    filler: '\0',
    head: '',
    tail: '',
  },
}

export class StreamFraming implements Framing {
  readonly headers: ResponseHeaders
  readonly opening: string
  readonly filler: string
  readonly #encoding: Encoding
  readonly #head: Buffer
  readonly #tail: Buffer
  #message: Uint8Array | undefined
  #framed: Uint8Array = new Uint8Array()

  constructor(encoding: Encoding, style: StreamStyle) {
    const { headers, opening, filler, head, tail } = STYLES[style]
    this.#encoding = encoding
    this.headers = headers
    this.opening = opening
    this.filler = filler
    this.#head = Buffer.from(head)
    this.#tail = Buffer.from(tail)
  }

  frame(message: Uint8Array | string): Uint8Array {
    if (typeof message === 'string') return this.#around(Buffer.from(message))
    if (message !== this.#message) {
      this.#framed = this.#around(message)
      this.#message = message
    }
    return this.#framed
  }

  closing(code: number, reason: string): Uint8Array {
    const push = { disconnect: { code, reason, reconnect: isComeback(code) } }
    return this.frame(Buffer.from(this.#encoding.reply({ push })))
  }

  /** What stands in between has no line break: `JsonPieces` and `onOneLine` see to that. */
  #around(message: Uint8Array): Uint8Array {
    if (this.#head.length + this.#tail.length === 0) return message
    return Buffer.concat([this.#head, message, this.#tail])
  }
}
