/**
 * The two ways down to a client of a link, each in the place of a native WebSocket: an event stream that stays open, and answers to polls.
 */
import { closeLine, type LinkLines } from './link-lines.ts'
import type { LinkConnection } from './link.ts'
import { LinkOutbox } from './link-outbox.ts'
import type { WebSocketContext } from './websocket-context.ts'
import { OPEN_STREAM_HEADERS, SSE_COMMENT, writeCorked } from './sse-event.ts'
import type { HttpExchange, HttpStream, NativeSocket, ResponseHeaders } from '../drivers/uws.ts'
import { LINK_ANSWER_BYTES_MAX, LINK_POLL_MS } from '../protocol/link.ts'
import type { WheelEntry } from '../wheel.ts'

const COMMENT = Buffer.from(SSE_COMMENT)
/** As the native socket says it. */
const SENT = 1
/** As a WebSocket that was cut off says it. */
export const CUT = 1006

export interface LinkContext extends Omit<WebSocketContext, 'newcomers'> {
  readonly lines: LinkLines
}

/** What the client's side of a link can do beside reading. */
export interface LinkSocket extends NativeSocket {
  readonly mode: 'sse' | 'poll'
  /** More would wait here than a client may have waiting. */
  readonly slow: boolean
  /** A sign of life: the client has sent something. */
  heard(): void
}

/** Common to both: the deadline on the wheel, and when the client was heard last. */
export abstract class Waiting implements WheelEntry {
  wheelTick = -1
  wheelBefore: WheelEntry | undefined
  wheelBehind: WheelEntry | undefined
  readonly context: LinkContext
  protected readonly connection: LinkConnection
  protected ended = false
  /** It is behind, and the connection was told so. */
  #full = false
  #told = false
  #heardMs: number

  constructor(connection: LinkConnection, context: LinkContext) {
    this.context = context
    this.connection = connection
    this.#heardMs = context.ports.clock.monotonicMs()
  }

  abstract get slow(): boolean
  abstract due(): void
  /** The line that says so, where it can still be read. */
  protected abstract close_(code: number, reason: string): void

  heard(): void {
    this.#heardMs = this.context.ports.clock.monotonicMs()
  }

  /** Links are no members of native topics: what goes to a channel's subscribers comes to `LinkConnection.message`. */
  subscribe(): boolean {
    return true
  }

  unsubscribe(): boolean {
    return true
  }

  /** What goes to all others on a topic comes to nobody here. */
  publish(): boolean {
    return true
  }

  cork(run: () => void): void {
    run()
  }

  /** Within a turn of the loop everything finds room; after it the connection knows, and holds back. */
  getBufferedAmount(): number {
    return this.#full ? this.context.options.bufferedBytesMax + 1 : 0
  }

  end(code: number, reason: string): void {
    if (this.ended) return
    this.ended = true
    this.context.ports.wheel.cancel(this)
    this.close_(code, reason)
    this.connection.gone(code)
  }

  close(): void {
    this.end(CUT, '')
  }

  abandon(): void {
    this.end(CUT, '')
  }

  /** True: it has been silent for so long that nobody can be there. */
  protected silent(): boolean {
    const { ports, options } = this.context
    return ports.clock.monotonicMs() - this.#heardMs > options.idleTimeoutMs
  }

  /** After something was written. */
  protected look(): void {
    if (!this.slow || this.#told) return
    this.#told = true
    setImmediate(() => {
      if (!this.#told || this.ended) return
      this.#full = true
      this.#guarded(() => this.connection.congested())
    })
  }

  /** There is room again. */
  protected reads(): void {
    this.#told = this.#full = false
    if (!this.ended) this.connection.drained()
  }

  #guarded(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.context.ports.caught('flush', error)
      this.connection.abandon()
    }
  }
}

export class StreamSocket extends Waiting implements LinkSocket {
  readonly mode = 'sse'
  readonly #stream: HttpStream | undefined

  constructor(
    connection: LinkConnection,
    context: LinkContext,
    { exchange, headers }: { readonly exchange: HttpExchange; readonly headers: ResponseHeaders },
  ) {
    super(connection, context)
    this.#stream = exchange.stream(
      200,
      { ...OPEN_STREAM_HEADERS, ...headers },
      () => this.reads(),
      SSE_COMMENT,
    )
    exchange.onAborted(() => {
      this.ended = true
      context.ports.wheel.cancel(this)
      connection.gone(CUT)
    })
    context.ports.wheel.schedule(this, context.options.sseHeartbeatMs)
  }

  get slow(): boolean {
    return this.#stream?.slow === true
  }

  send(message: Uint8Array | string, binary: boolean): number {
    this.#write(this.context.lines.eventOf(message, binary))
    this.look()
    return SENT
  }

  due(): void {
    if (this.silent()) {
      this.close()
      return
    }
    // Without it a proxy takes the stream for dead.
    if (!this.slow) this.#write(COMMENT)
    this.context.ports.wheel.schedule(this, this.context.options.sseHeartbeatMs)
  }

  protected close_(code: number, reason: string): void {
    this.#write(this.context.lines.eventOf(closeLine(code, reason), false))
    this.#stream?.end()
  }

  #write(bytes: Uint8Array): void {
    if (this.#stream !== undefined) writeCorked(this.#stream, bytes)
  }
}

export class PollSocket extends Waiting implements LinkSocket {
  readonly mode = 'poll'
  readonly #outbox = new LinkOutbox(LINK_ANSWER_BYTES_MAX)
  readonly #over: () => void
  #waiter: ((answer: Buffer) => void) | undefined
  #flushing = false

  /** `over`: nobody will ask any more. */
  constructor(connection: LinkConnection, context: LinkContext, over: () => void) {
    super(connection, context)
    this.#over = over
    this.#wait()
  }

  get waitingBytes(): number {
    return this.#outbox.bytes
  }

  get slow(): boolean {
    return this.#outbox.bytes > this.context.options.bufferedBytesMax
  }

  send(message: Uint8Array | string, binary: boolean): number {
    this.#outbox.add(this.context.lines.lineOf(message, binary))
    this.#answerSoon()
    this.look()
    return SENT
  }

  /** `after`: the last answer that the client has. Resolves with the next one; `undefined`: there is none that could follow. */
  poll(after: number): Promise<Buffer> | undefined {
    this.heard()
    const wasSlow = this.slow
    if (!this.#outbox.acknowledge(after)) return undefined
    if (wasSlow && !this.slow) this.reads()
    // Whoever asks twice has given the first up.
    this.#answer(this.#outbox.nothing())
    return new Promise((resolve) => {
      this.#waiter = resolve
      const ready = this.#outbox.take()
      if (ready === undefined) this.#wait()
      else this.#answer(ready)
    })
  }

  due(): void {
    if (this.#waiter !== undefined) {
      this.#answer(this.#outbox.nothing())
      this.#wait()
    } else if (this.ended) this.#over()
    else if (this.silent()) this.close()
    else this.#wait()
  }

  protected close_(code: number, reason: string): void {
    this.#outbox.add(Buffer.from(closeLine(code, reason)))
    this.#answerSoon()
    // For the poll that fetches it.
    this.#wait()
  }

  /** Either for the end of a poll, or to look whether anybody asks any more. */
  #wait(): void {
    const { wheel } = this.context.ports
    wheel.schedule(this, this.#waiter === undefined ? this.context.options.idleTimeoutMs : LINK_POLL_MS)
  }

  /** At the end of the turn: what comes together is answered together. */
  #answerSoon(): void {
    if (this.#flushing || this.#waiter === undefined) return
    this.#flushing = true
    setImmediate(() => {
      this.#flushing = false
      const ready = this.#waiter === undefined ? undefined : this.#outbox.take()
      if (ready !== undefined) this.#answer(ready)
    })
  }

  #answer(answer: Buffer): void {
    const waiter = this.#waiter
    this.#waiter = undefined
    waiter?.(answer)
    if (waiter !== undefined) this.#wait()
  }
}
