/**
 * A long poll: one request that is answered as soon as there is a message or a reset, or after its time. Its cursor
 * says what the answer contains, so nothing is kept between two polls.
 */
import { httpUrl } from './elsewhere.ts'
import type { HttpConnection, StreamContext } from './transport.ts'
import type { HttpExchange, ResponseHeaders } from '../drivers/uws.ts'
import { ERRORS, errorBody, faulty, type Closing } from '../errors.ts'
import type { Fanout, StreamFanout } from '../hub/fanout.ts'
import { publicName } from '../protocol/channel.ts'
import { composeCursor, cursorSegment, tagOf } from '../protocol/cursor.ts'
import type { Encoded } from '../protocol/encoded.ts'
import type { EncodedEvent } from '../protocol/encoded-event.ts'
import type { EncodedReset } from '../protocol/encoded-reset.ts'
import type { Form } from '../protocol/form.ts'
import { ticketSegment } from '../protocol/ticket.ts'
import type { Session } from '../session/session.ts'
import type { Start, Welcome } from '../session/welcome.ts'
import type { UnsubscribedBy } from '../session/connection.ts'
import type { WheelEntry } from '../wheel.ts'

/** One answer holds no more than this; the rest is in the next one. */
const MESSAGES_MAX = 1000
const BYTES_MAX = 1_048_576

const ANSWERED = { why: 'answered' } as const

export interface PollRequest {
  readonly exchange: HttpExchange
  readonly user: string
  readonly waitMs: number
  /** CORS and the request's id. */
  readonly headers: ResponseHeaders
}

export class PollConnection implements HttpConnection, StreamFanout, WheelEntry {
  readonly transport = 'poll'
  readonly size = 1
  channelsMax: number | undefined
  readonly #context: StreamContext
  readonly #request: PollRequest
  #session: Session | undefined
  #closed = false
  #answering = false
  #messages: Encoded[] = []
  #bytes = 0
  readonly #resets: string[] = []
  /** Who has come, gone, or says something else of himself, and what the client is on beside what it has asked for. */
  readonly #events: string[] = []
  /** The channels that are beyond a limit, as a part of the answer. */
  #refused = ''
  wheelTick = -1
  wheelBefore: WheelEntry | undefined
  wheelBehind: WheelEntry | undefined

  constructor(request: PollRequest, context: StreamContext) {
    this.#request = request
    this.#context = context
    context.ports.admission.connected('poll')
  }

  get exclusionKey(): string | undefined {
    return this.#session?.id
  }

  get closed(): boolean {
    return this.#closed
  }

  get stays(): false {
    return false
  }

  get #form(): Form<string> {
    return this.#context.dialect.streams.form
  }

  /** Waits from here on. */
  begin(): void {
    if (this.#closed || this.#answering) return
    if (this.#request.waitMs === 0) this.#answerSoon()
    else this.#context.ports.wheel.schedule(this, this.#request.waitMs)
  }

  /** The time is over. */
  due(): void {
    this.#answer()
  }

  abandon(): void {
    this.end(faulty())
  }

  gone(): void {
    if (this.#closed) return
    this.#closed = true
    const { ports } = this.#context
    ports.wheel.cancel(this)
    ports.admission.disconnected('poll', ANSWERED)
    if (this.#session !== undefined) ports.sessions.disconnected(this.#session, ANSWERED)
  }

  // Subscriber

  hasRoom(): boolean {
    return !this.#closed && this.#messages.length < MESSAGES_MAX && this.#bytes < BYTES_MAX
  }

  deliver(encoded: Encoded): void {
    this.#session?.account?.delivered()
    this.message(encoded.message.channel, encoded)
  }

  /** What came before it is part of the state that has to be fetched anew; beside it, nobody could tell what came first. */
  reset(reset: EncodedReset): void {
    this.#messages = this.#messages.filter(({ message }) => message.channel !== reset.channel)
    const written = reset.as(this.#form)
    if (written !== undefined) this.#resets.push(written.data)
    this.#answerSoon()
  }

  attach(fanout: Fanout): void {
    fanout.addStreams(this)
    this.#session?.account?.joined(fanout.messages)
  }

  detach(fanout: Fanout): void {
    fanout.removeStreams(this)
    this.#session?.account?.left(fanout.messages)
  }

  stepAside(fanout: Fanout): undefined {
    this.detach(fanout)
  }

  closeTooSlow(): void {
    this.#answer()
  }

  // StreamFanout

  message(_channel: string, encoded: Encoded): void {
    this.#messages.push(encoded)
    this.#bytes += encoded.as(this.#form).data.length
    this.#answerSoon()
  }

  event(encoded: EncodedEvent): void {
    const written = encoded.as(this.#form)
    if (written !== undefined) this.say(written.data)
  }

  // Teller

  say(text: string): void {
    this.#events.push(text)
    this.#bytes += text.length
    this.#answerSoon()
  }

  // Connection

  /** An answer has no place for anything else: the next request brings its token, and the cursor says the rest. */
  joined(session: Session, { channels }: Welcome): void {
    this.#session = session
    const refused = [...channels].flatMap(([channel, { error }]) =>
      error === undefined ? [] : [{ channel, error }],
    )
    if (refused.length > 0) this.#refused = `,"refused":${JSON.stringify(refused)}`
  }

  subscribed(channel: string, start: Start): void {
    this.#context.dialect.streams.subscribed(this, channel, start)
  }

  unsubscribed(channel: string, why: UnsubscribedBy): void {
    this.#context.dialect.streams.unsubscribed(this, channel, why)
  }

  reauth(): void {}

  move(): 'leaves' {
    return 'leaves'
  }

  end({ why, code, message, to }: Closing): void {
    if (this.#closed) return
    // Nothing is wrong with the client: it comes back elsewhere with the cursor that it gets here.
    if (why === 'goingAway' && this.#session !== undefined) {
      this.#answer(true, to === undefined ? undefined : httpUrl(to, this.#context.path))
      return
    }
    const body = errorBody(code, message)
    this.#request.exchange.respond(ERRORS[code].status, { ...this.#request.headers, ...JSON_HEADERS }, body)
    this.gone()
  }

  /** At the end of the turn: what arrives together leaves together. */
  #answerSoon(): void {
    if (this.#answering) return
    this.#answering = true
    setImmediate(() => {
      try {
        this.#answer()
      } catch (error) {
        this.#context.ports.caught('flush', error)
        this.abandon()
      }
    })
  }

  #answer(last = false, url?: string): void {
    const session = this.#session
    if (this.#closed || session === undefined) return
    const segments = []
    for (const { source, position } of session.subscriptions()) {
      if (position !== undefined) segments.push(cursorSegment(tagOf(publicName(source.name)), position))
    }
    // Who is to go elsewhere may be answered before his moment has come: he takes it for the moment.
    const departure = this.#context.ports.departureOf(session.id)
    const leaves = last || departure !== undefined
    const ticket = this.#context.ports.tickets.give(tagOf(this.#request.user))
    const cursor = composeCursor(segments, ticket.owner, `${ticketSegment(ticket)}${departure ?? ''}`)
    const messages = this.#messages.map((encoded) => encoded.as(this.#form).data).join(',')
    const elsewhere = url === undefined ? '' : `,"url":${JSON.stringify(url)}`
    const events = this.#events.length === 0 ? '' : `,"events":[${this.#events.join(',')}]`
    const body = `{"messages":[${messages}],"resets":[${this.#resets.join(',')}]${events}${this.#refused},"cursor":${JSON.stringify(cursor)}${elsewhere}}`
    this.#request.exchange.respond(200, { ...this.#request.headers, ...JSON_HEADERS }, body, leaves)
    this.#context.ports.metrics.bytesOut('poll', body.length)
    this.#session?.account?.sent(body.length)
    this.gone()
  }
}

export const JSON_HEADERS: ResponseHeaders = {
  'content-type': 'application/json',
  'cache-control': 'no-store',
}
