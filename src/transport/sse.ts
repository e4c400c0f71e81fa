/**
 * An SSE stream. Its `id:` lines carry the cursor of all its channels, so that a browser's `Last-Event-ID` alone
 * resumes every one of them.
 *
 * While all its channels are live it is a member of a group and costs one write per turn of the loop; while one of them is behind
 * (a resume, a slow reader) or for its inbox, it writes for itself.
 */
import { departureOf, httpUrl, retryMs, scheduleHeartbeat } from './elsewhere.ts'
import { OPEN_STREAM_HEADERS, SSE_COMMENT, sseEvent, type OwnEvent } from './sse-event.ts'
import { sharedSources, type SseFanout, type SseGroup } from './sse-fanout.ts'
import type { GroupMember, Lane } from './sse-lane.ts'
import { StreamCursor } from './stream-cursor.ts'
import type { HttpConnection, StreamContext } from './transport.ts'
import type { Link } from '../dialect/dialect.ts'
import type { HttpExchange, HttpStream, ResponseHeaders, StreamWriter } from '../drivers/uws.ts'
import type { CloseReason, Closing } from '../errors.ts'
import type { Fanout, StreamFanout } from '../hub/fanout.ts'
import { isInbox } from '../protocol/channel.ts'
import { tagOf } from '../protocol/cursor.ts'
import type { Encoded } from '../protocol/encoded.ts'
import type { EncodedEvent } from '../protocol/encoded-event.ts'
import type { EncodedReset } from '../protocol/encoded-reset.ts'
import type { Written } from '../protocol/form.ts'
import type { Session } from '../session/session.ts'
import type { Start, Welcome } from '../session/welcome.ts'
import type { UnsubscribedBy } from '../session/connection.ts'
import type { WheelEntry } from '../wheel.ts'

export interface SseContext extends StreamContext {
  readonly fanout: SseFanout
}

export class SseConnection implements Link, HttpConnection, StreamFanout, GroupMember, WheelEntry {
  readonly transport = 'sse'
  /** A stream of its own in the fan-outs where it is not part of a group. */
  readonly size = 1
  readonly #context: SseContext
  readonly #exchange: HttpExchange
  readonly #headers: ResponseHeaders
  /** Opened with the session: until then the answer may still be an error. */
  #stream: HttpStream | undefined
  #session: Session | undefined
  #group: SseGroup | undefined
  #state: 'open' | 'closed' = 'open'
  #own: OwnEvent[] | undefined
  #ownBytes = 0
  /** While in a group only the inbox's place in it is kept up to date. */
  readonly #place: StreamCursor
  #endReason: CloseReason | undefined
  channelsMax: number | undefined
  lane: Lane | undefined
  place = -1
  wheelTick = -1
  wheelBefore: WheelEntry | undefined
  wheelBehind: WheelEntry | undefined

  /** `headers`: CORS. */
  constructor(exchange: HttpExchange, user: string, headers: ResponseHeaders, context: SseContext) {
    this.#exchange = exchange
    this.#headers = headers
    this.#context = context
    this.#place = new StreamCursor(context.ports.tickets.give(tagOf(user)))
    context.ports.admission.connected('sse')
  }

  get exclusionKey(): string | undefined {
    return this.#session?.id
  }

  get closed(): boolean {
    return this.#state === 'closed'
  }

  get stays(): true {
    return true
  }

  get session(): Session | undefined {
    return this.#session
  }

  /** The heartbeat: without it a proxy takes the stream for dead. */
  due(): void {
    if (this.#state === 'closed') return
    if (this.#stream?.slow === false && !this.#renewTicket()) this.#write(SSE_COMMENT)
    scheduleHeartbeat(this, this.#context)
  }

  abandon(): void {
    this.#stream?.abort()
    this.gone()
  }

  /** A stream without events would come back with a ticket of days ago. An event of an `id:` alone is not shown to anybody. */
  #renewTicket(): boolean {
    const { tickets } = this.#context.ports
    const { owner, hour } = this.#place.ticket
    if (!tickets.isOld(hour)) return false
    this.#place.renew(tickets.give(owner))
    this.#queue({ text: '', channel: undefined, position: undefined })
    return true
  }

  /** The client has gone. */
  gone(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    const { ports } = this.#context
    ports.wheel.cancel(this)
    const ended = this.#endReason === undefined ? {} : { why: this.#endReason }
    ports.admission.disconnected('sse', ended)
    this.#leaveGroup()
    if (this.#session !== undefined) ports.sessions.disconnected(this.#session, ended)
  }

  // Subscriber

  hasRoom(): boolean {
    const { bufferedBytesMax } = this.#context.options
    return this.#state === 'open' && this.#stream?.slow === false && this.#ownBytes < bufferedBytesMax
  }

  deliver(encoded: Encoded): void {
    this.#session?.account?.delivered()
    this.message(encoded.message.channel, encoded)
  }

  reset(reset: EncodedReset): void {
    const { channel, position } = reset
    const written = reset.as(this.#context.fanout.form)
    if (written === undefined) return this.#context.dialect.streams.reset(this, reset)
    if (!isInbox(channel)) this.#leaveGroupHere()
    this.#queue({ text: sseEvent('reset', written.data), channel, position })
  }

  attach(fanout: Fanout): void {
    fanout.addStreams(this)
    this.#session?.account?.joined(fanout.messages)
    this.#context.fanout.memberHasWork(this)
  }

  detach(fanout: Fanout): void {
    this.#leaveGroup()
    this.#session?.account?.left(fanout.messages)
    fanout.removeStreams(this)
  }

  stepAside(fanout: Fanout): undefined {
    this.#leaveGroupHere()
    this.detach(fanout)
  }

  closeTooSlow(): void {
    this.#endReason = 'tooSlow'
    this.#stream?.abort()
    this.gone()
  }

  // StreamFanout, for the channels where it stands alone

  message(channel: string, encoded: Encoded): void {
    const { message } = encoded
    const position = message.kind === 'logged' ? message : undefined
    this.#queue({ text: sseEvent('message', encoded.as(this.#context.fanout.form).data), channel, position })
  }

  event(encoded: EncodedEvent): void {
    const written = encoded.as(this.#context.fanout.form)
    if (written !== undefined) this.say(written.data, encoded.event.type)
  }

  // Connection

  joined(session: Session, welcome: Welcome): void {
    this.#session = session
    for (const { source, position } of session.subscriptions()) this.#place.move(source.name, position)
    const reads = (): void => {
      if (this.#state === 'open') this.#context.fanout.memberHasWork(this)
    }
    const headers = { ...OPEN_STREAM_HEADERS, ...this.#headers }
    this.#stream = this.#exchange.stream(200, headers, reads, SSE_COMMENT)
    this.#write(`retry: ${retryMs(this.#context)}\n`)
    scheduleHeartbeat(this, this.#context)
    this.#context.dialect.streams.joined(this, session, welcome)
  }

  /** A group is of streams of the same channels: with one more, or less, it belongs to another. */
  subscribed(channel: string, start: Start): void {
    this.#leaveGroupHere()
    this.#place.move(channel, start.position)
    this.#context.dialect.streams.subscribed(this, channel, start)
  }

  unsubscribed(channel: string, why: UnsubscribedBy): void {
    this.#leaveGroupHere()
    this.#place.leave(channel)
    this.#context.dialect.streams.unsubscribed(this, channel, why)
  }

  reauth(deadlineMs: number): void {
    this.#context.dialect.streams.reauth(this, deadlineMs)
  }

  /** A client has one stream at a time: it ends at its moment, and the client comes back by its cursor. */
  move(): 'leaves' {
    return 'leaves'
  }

  // Link

  say(text: string, name: string): void {
    this.#queue({ text: sseEvent(name, text), channel: undefined, position: undefined })
  }

  write({ data }: Written): void {
    this.say(data.toString(), 'message')
  }

  introduced(): void {} // The door has looked at its token.
  another(): void {}
  charge(): void {}

  /** Tells the client when to come back (a browser does it by itself) and ends the stream. */
  end(closing: Closing): void {
    if (this.#state === 'closed') return
    this.#endReason = closing.why
    const context = this.#context
    const { to } = closing
    const last = context.dialect.closing(closing, to === undefined ? undefined : httpUrl(to, context.path))
    // What the group still has for the stream goes first: a cursor names it as received, and nothing is written after this.
    this.#group?.flush()
    this.#flushOwn()
    const retry = `retry: ${retryMs(this.#context, closing.returnWithinMs)}\n`
    const departure = departureOf(closing, context, this.#session)
    // A client that is sent elsewhere shows there where it comes from: a browser sends back the last id that it got.
    const id = departure === undefined ? '' : `id: ${this.#cursor(departure)}\n`
    this.#write(`${retry}${sseEvent(last.name, last.text)}${id}\n`)
    this.#stream?.end()
    this.gone()
  }

  // GroupMember

  get writer(): StreamWriter | undefined {
    return this.#stream?.writer
  }

  carried(bytes: number): void {
    this.#session?.account?.sent(bytes)
  }

  behind(): void {
    this.#stream?.fallBehind()
    this.#context.fanout.memberHasWork(this)
  }

  settle(): void {
    const session = this.#session
    if (this.#state === 'closed' || session === undefined) return
    this.#flushOwn()
    if (this.#stream?.slow === true) return this.#fallBehind(session)
    session.resume()
    this.#joinGroup(session)
  }

  /** Everything up to the feeds' positions has been handed to the stream: from there it goes on when the client reads again. */
  #fallBehind(session: Session): void {
    for (const subscription of session.subscriptions())
      if (subscription.live) subscription.fallBehind(subscription.position)
  }

  /** Once all its channels are live and nothing of its own waits, a stream gets the group's bytes. */
  #joinGroup(session: Session): void {
    if (this.#group !== undefined || this.#own !== undefined || this.#state === 'closed') return
    const shared = sharedSources(session.subscriptions())
    if (shared.length === 0) return
    const group = this.#context.fanout.group(shared.map((source) => source.name))
    const positions = shared.map((source) => source.position)
    group.join(this, this.#place.suffix(), positions)
    for (const source of shared) {
      source.fanout.removeStreams(this)
      source.fanout.addStreams(group)
    }
    this.#group = group
  }

  /** Behind what the group has had so far, and before what it will have. */
  #leaveGroupHere(): void {
    if (this.#group === undefined) return
    this.#group.flush()
    this.#leaveGroup()
  }

  /** Back to a stream of its own in each fan-out. */
  #leaveGroup(): void {
    const group = this.#group
    if (group === undefined || this.#session === undefined) return
    this.#group = undefined
    group.leave(this)
    for (const { live, source, position } of this.#session.subscriptions()) {
      if (isInbox(source.name)) continue
      this.#place.move(source.name, position)
      if (group.size === 0) source.fanout.removeStreams(group)
      if (live) source.fanout.addStreams(this)
    }
  }

  #queue(event: OwnEvent): void {
    if (this.#state === 'closed') return
    ;(this.#own ??= []).push(event)
    this.#ownBytes += event.text.length
    this.#context.fanout.memberHasWork(this)
  }

  #flushOwn(): void {
    const own = this.#own
    if (own === undefined) return
    this.#own = undefined
    this.#ownBytes = 0
    let text = ''
    for (const event of own) {
      if (event.channel !== undefined) this.#place.move(event.channel, event.position)
      text += `${event.text}id: ${this.#cursor()}\n\n`
    }
    this.#write(text)
    this.#group?.change(this, this.#place.suffix())
  }

  #write(text: string): void {
    const stream = this.#stream
    if (stream === undefined) return
    this.#context.ports.metrics.bytesOut('sse', text.length)
    this.#session?.account?.sent(text.length)
    stream.cork(() => stream.write(text))
  }

  #cursor(departure = ''): string {
    if (this.#group !== undefined && this.#session !== undefined) {
      for (const { source, position } of this.#session.subscriptions())
        if (!isInbox(source.name)) this.#place.move(source.name, position)
    }
    return this.#place.text(departure)
  }
}
