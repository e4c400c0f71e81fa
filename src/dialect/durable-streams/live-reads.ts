/**
 * Reads that wait for what comes: one answer as soon as there is something, or an event stream for a while.
 */
import { gone, placeHeaders } from './answers.ts'
import { arrayOf, type Chunk } from './chunk.ts'
import { isBare, isEnd } from './end-mark.ts'
import { Follower, type Following } from './follower.ts'
import { offsetText } from './offset.ts'
import type { Clock } from '../../clock.ts'
import type { HttpExchange, HttpStream, ResponseHeaders } from '../../drivers/uws.ts'
import { ERRORS, errorBody, type Caught } from '../../errors.ts'
import { revokedMeanwhile } from './proof.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Subscription } from '../../hub/subscription.ts'
import type { Encoded } from '../../protocol/encoded.ts'
import type { LoggedMessage } from '../../protocol/message.ts'
import type { Position } from '../../protocol/position.ts'
import type { Wheel, WheelEntry } from '../../wheel.ts'

export interface LiveReadPorts {
  readonly hub: Pick<Hub, 'open'>
  readonly clock: Pick<Clock, 'now'>
  readonly wheel: Wheel
  readonly caught: Caught
}

export interface Reading {
  readonly exchange: HttpExchange
  /** With the cursor, and what caches may do. */
  readonly headers: ResponseHeaders
  readonly channel: string
  /** For the next request. */
  readonly cursor: string
  /** What is there already. */
  readonly chunk: Chunk
}

/** A cursor is good for as long, so that the requests of one interval are one to a CDN. */
const POLL_MS = 20_000
/** Then the reader goes on with a request of its own, and a balancer may show it another node. */
const STREAM_MS = 60_000
const MESSAGES_MAX = 1000
const BYTES_MAX = 262_144
const FILLER = ':\n\n'

export abstract class LiveRead implements Following, WheelEntry {
  wheelTick = -1
  wheelBefore: WheelEntry | undefined
  wheelBehind: WheelEntry | undefined
  /** Called once it has ended. */
  over: () => void = () => undefined
  protected readonly reading: Reading
  protected readonly ports: LiveReadPorts
  protected subscription: Subscription | undefined
  /** What came in this turn of the loop. */
  protected waiting: LoggedMessage[] = []
  protected place: Position
  #bytes = 0
  #flushing = false
  #ended = false

  constructor(reading: Reading, ports: LiveReadPorts) {
    this.reading = reading
    this.ports = ports
    this.place = reading.chunk.next
  }

  protected abstract readonly transport: 'sse' | 'poll'
  protected abstract readonly waitMs: number
  /** There is something, or the time is over. */
  protected abstract flush(): void
  protected abstract writable(): boolean
  abstract lost(): void
  abstract due(): void
  /** Its token is good no more. */
  abstract revoked(): void

  /** Fails with `unavailable`. */
  async begin(): Promise<void> {
    const { exchange, channel } = this.reading
    const { hub, wheel } = this.ports
    exchange.onAborted(() => this.end())
    try {
      const opened = await hub.open(channel, this.place, new Follower(this.transport, this))
      this.subscription = opened.subscription
      // It went meanwhile.
      if (this.ended || exchange.done) this.end()
      else {
        wheel.schedule(this, this.waitMs)
        opened.subscription.begin(opened.reset)
      }
    } catch (error) {
      this.end()
      throw error
    }
  }

  get ended(): boolean {
    return this.#ended
  }

  hasRoom(): boolean {
    return !this.#ended && this.waiting.length < MESSAGES_MAX && this.#bytes < BYTES_MAX && this.writable()
  }

  message({ message }: Encoded): void {
    // What has no place in the log is not part of the stream.
    if (this.#ended || message.kind !== 'logged') return
    this.waiting.push(message)
    this.#bytes += message.data.length
    this.place = { epoch: message.epoch, offset: message.offset }
    this.flushSoon()
  }

  abandon(): void {
    this.reading.exchange.cut()
    this.end()
  }

  protected flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(() => {
      this.#flushing = false
      if (this.#ended) return
      try {
        this.flush()
      } catch (error) {
        this.ports.caught('flush', error)
        this.abandon()
      }
    })
  }

  /** What came, once. */
  protected taken(): { readonly messages: readonly LoggedMessage[]; readonly closed: boolean } {
    const all = this.waiting
    this.waiting = []
    this.#bytes = 0
    return { messages: all.filter((message) => !isBare(message)), closed: all.some(isEnd) }
  }

  /** Idempotent. */
  protected end(): void {
    this.subscription?.close()
    if (this.#ended) return
    this.#ended = true
    this.ports.wheel.cancel(this)
    this.over()
  }
}

export class PollRead extends LiveRead {
  protected readonly transport = 'poll'
  protected readonly waitMs = POLL_MS

  static answer(exchange: HttpExchange, chunk: Omit<Chunk, 'start'>, headers: ResponseHeaders): void {
    const all = { ...headers, ...placeHeaders(chunk) }
    const nothing = chunk.messages.length === 0
    exchange.respond(
      nothing ? 204 : 200,
      nothing ? all : { ...all, 'content-type': 'application/json' },
      nothing ? '' : arrayOf(chunk.messages),
    )
  }

  due(): void {
    this.flush()
  }

  lost(): void {
    const { exchange, headers } = this.reading
    gone(exchange, headers)
    this.end()
  }

  revoked(): void {
    if (this.ended) return
    const { exchange, headers } = this.reading
    const { code, message } = revokedMeanwhile()
    const all = { ...headers, 'content-type': 'application/json', 'cache-control': 'no-store' }
    exchange.respond(ERRORS[code].status, all, errorBody(code, message))
    this.end()
  }

  protected writable(): boolean {
    return true
  }

  protected flush(): void {
    const { exchange, headers } = this.reading
    const { messages, closed } = this.taken()
    const upToDate = this.subscription?.live === true
    PollRead.answer(exchange, { messages, next: this.place, upToDate, closed: closed && upToDate }, headers)
    this.end()
  }
}

export class EventRead extends LiveRead {
  protected readonly transport = 'sse'
  protected readonly waitMs = STREAM_MS
  #stream: HttpStream | undefined

  override begin(): Promise<void> {
    const { exchange, headers, chunk } = this.reading
    const all = {
      ...headers,
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-store, no-transform',
      'x-accel-buffering': 'no',
      connection: 'close',
    }
    this.#stream = exchange.stream(200, all, () => this.subscription?.resume(), FILLER)
    this.#write(chunk.messages, chunk.upToDate, chunk.closed)
    if (!chunk.closed) return super.begin()
    this.#finish()
    return Promise.resolve()
  }

  due(): void {
    if (this.waiting.length > 0) this.flush()
    this.#finish()
  }

  /** The next request is answered with 410. */
  lost(): void {
    this.#finish()
  }

  /** The next request is answered with 401. */
  revoked(): void {
    this.#finish()
  }

  protected writable(): boolean {
    return this.#stream?.slow === false
  }

  protected flush(): void {
    const { messages, closed } = this.taken()
    const live = this.subscription?.live === true
    this.#write(messages, live, closed && live)
    if (closed && live) this.#finish()
    else this.subscription?.resume()
  }

  #write(messages: readonly LoggedMessage[], upToDate: boolean, closed: boolean): void {
    const { cursor } = this.reading
    const control = {
      streamNextOffset: offsetText(this.place),
      ...(closed ? {} : { streamCursor: cursor }),
      ...(upToDate ? { upToDate: true } : {}),
      ...(closed ? { streamClosed: true } : {}),
    }
    const data = messages.length === 0 ? '' : `event: data\n${lines(arrayOf(messages).toString())}\n`
    const event = `${data}event: control\ndata:${JSON.stringify(control)}\n\n`
    const stream = this.#stream
    stream?.cork(() => stream.write(event))
  }

  #finish(): void {
    this.#stream?.end()
    this.end()
  }
}

/**
 * In a log of before a payload may have line breaks, each of which begins a `data:` line (HTML, section 9.2.6). No space behind it: JSON needs
 * none, and there are readers that look for it so.
 */
function lines(text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => `data:${line}\n`)
    .join('')
}
