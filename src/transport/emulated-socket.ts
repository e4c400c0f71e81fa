/**
 * The way down to a client whose protocol is one of sockets and which has a request only: its answer stays open. Whether the client is
 * still there its protocol finds out, by pings of its own.
 */
import type { LinkConnection } from './link.ts'
import { CUT, Waiting, type LinkContext, type LinkSocket } from './link-sockets.ts'
import { writeCorked } from './sse-event.ts'
import type { Framing } from '../dialect/emulation.ts'
import type { HttpExchange, HttpStream, ResponseHeaders } from '../drivers/uws.ts'

/** As the native socket says it. */
const SENT = 1
/** A proxy that gathered the answer would keep messages back. */
const UNBUFFERED: ResponseHeaders = { 'x-accel-buffering': 'no', 'cache-control': 'no-store, no-transform' }

export interface EmulatedOpening {
  readonly exchange: HttpExchange
  readonly headers: ResponseHeaders
  readonly framing: Framing
}

export class EmulatedSocket extends Waiting implements LinkSocket {
  readonly mode = 'sse'
  readonly #framing: Framing
  readonly #stream: HttpStream | undefined

  constructor(connection: LinkConnection, context: LinkContext, opening: EmulatedOpening) {
    super(connection, context)
    const { exchange, headers, framing } = opening
    this.#framing = framing
    const all = { ...UNBUFFERED, ...framing.headers, ...headers, connection: 'close' }
    this.#stream = exchange.stream(200, all, () => this.reads(), framing.filler)
    exchange.onAborted(() => {
      this.ended = true
      connection.gone(CUT)
    })
    if (framing.opening !== '') this.#write(Buffer.from(framing.opening))
  }

  get slow(): boolean {
    return this.#stream?.slow === true
  }

  send(message: Uint8Array | string): number {
    this.#write(this.#framing.frame(message))
    this.look()
    return SENT
  }

  /** It waits for nothing. */
  due(): void {}

  protected close_(code: number, reason: string): void {
    this.#write(this.#framing.closing(code, reason))
    this.#stream?.end()
  }

  #write(bytes: Uint8Array): void {
    if (this.#stream !== undefined) writeCorked(this.#stream, bytes)
  }
}
