/**
 * An SSE stream. Its `id:` lines carry the cursor of all its channels, so that a browser's `Last-Event-ID` alone
 * resumes every one of them.
 *
 * While all its channels are live it is a member of a group and costs one write per turn of the loop; while one of them is behind
 * (a resume, a slow reader) or for its inbox, it writes for itself.
 */
import type { TransportOptions, TransportPorts } from './ports.ts'
import { closingEvent, SSE_COMMENT, sseEvent, STREAM_HEADERS } from './sse-fanout.ts'
import type { GroupMember, OwnEvent, SseFanout, SseGroup } from './sse-fanout.ts'
import { writeCorked } from './sse-writing.ts'
import type { HttpExchange, HttpStream, ResponseHeaders } from '../drivers/uws.ts'
import { SluiceError, type Closing } from '../errors.ts'
import type { Account } from '../observe/account.ts'
import type { Fanout, StreamFanout } from '../hub/outlet.ts'
import { isInbox, publicName } from '../protocol/channel.ts'
import { CLOSE } from '../protocol/codes.ts'
import { composeCursor, cursorEnd, cursorSegment, tagOf } from '../protocol/cursor.ts'
import { encodeFrame, type Encoded } from '../protocol/encode.ts'
import type { EncodedReset } from '../protocol/encoded-reset.ts'
import { ticketSegment, type Ticket } from '../protocol/ticket.ts'
import type { Position, ServerFrame } from '../protocol/frames.ts'
import type { Connection } from '../session/connection.ts'
import type { Session } from '../session/session.ts'
import { jitter } from '../clock.ts'
import type { Due } from '../wheel.ts'

export interface SseContext {
  readonly ports: TransportPorts
  readonly options: TransportOptions
  readonly fanout: SseFanout
}

const NO_SUFFIX = new Uint8Array()

export class SseConnection implements Connection, StreamFanout, GroupMember, Due {
  readonly transport = 'sse'
  readonly speaks = false
  /** A stream of its own in the fan-outs where it is not part of a group. */
  readonly size = 1
  readonly #context: SseContext
  readonly #exchange: HttpExchange
  readonly #headers: ResponseHeaders
  /** Opened with the session: until then the answer may still be an error. */
  #stream: HttpStream | undefined
  /** Names the owner of each cursor. */
  #ticket: Ticket
  #session: Session | undefined
  #account: Account | undefined
  #group: SseGroup | undefined
  #state: 'open' | 'closed' = 'open'
  #own: OwnEvent[] | undefined
  #ownBytes = 0
  /** The channels' parts of the cursor, by internal name; while in a group only the inbox's is kept up to date. */
  readonly #segments = new Map<string, string>()
  #suffix: Uint8Array = NO_SUFFIX
  #endReason: string | undefined
  joinedAt = 0
  wheelSlot = -1
  wheelIndex = 0
  wheelTick = 0

  /** `headers`: CORS. */
  constructor(exchange: HttpExchange, user: string, headers: ResponseHeaders, context: SseContext) {
    this.#exchange = exchange
    this.#headers = headers
    this.#context = context
    this.#ticket = context.ports.tickets.give(tagOf(user))
    context.ports.admission.connected('sse')
  }

  get exclusionKey(): string | undefined {
    return this.#session?.id
  }

  get closed(): boolean {
    return this.#state === 'closed'
  }

  /** The heartbeat: without it a proxy takes the stream for dead. */
  due(): void {
    if (this.#state === 'closed') return
    if (this.#stream?.slow === false && !this.#renewTicket()) this.#write(SSE_COMMENT)
    this.#scheduleHeartbeat()
  }

  abandon(): void {
    this.#stream?.abort()
    this.gone()
  }

  /** A stream without events would come back with a ticket of days ago. An event of an `id:` alone is not shown to anybody. */
  #renewTicket(): boolean {
    const { tickets } = this.#context.ports
    const { owner, hour } = this.#ticket
    if (!tickets.isOld(hour)) return false
    this.#ticket = tickets.give(owner)
    this.#queue({ text: '', channel: undefined, position: undefined })
    return true
  }

  /** The client has gone. */
  gone(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    const { ports } = this.#context
    ports.wheel.cancel(this)
    const reason = this.#endReason ?? 'gone'
    ports.admission.disconnected('sse', reason)
    this.#leaveGroup()
    if (this.#session !== undefined) ports.sessions.disconnected(this.#session, this.#account, reason)
  }

  // Outlet

  hasRoom(): boolean {
    return (
      this.#state === 'open' &&
      this.#stream?.slow === false &&
      this.#ownBytes < this.#context.options.bufferedBytesMax
    )
  }

  deliver(encoded: Encoded): void {
    this.#account?.delivered()
    this.message(encoded.message.channel, encoded)
  }

  reset({ channel, position, json }: EncodedReset): void {
    if (!isInbox(channel)) this.#leaveGroupHere()
    this.#queue({ text: sseEvent('reset', json), channel, position })
  }

  goLive(fanout: Fanout): void {
    fanout.addStreams(this)
    this.#account?.joined(fanout, false)
    this.#context.fanout.memberHasWork(this)
  }

  leaveLive(fanout: Fanout): void {
    this.#leaveGroup()
    this.#account?.left(fanout, false)
    fanout.removeStreams(this)
  }

  stepAside(fanout: Fanout): undefined {
    this.#leaveGroupHere()
    this.leaveLive(fanout)
  }

  closeTooSlow(): void {
    this.#endReason = String(CLOSE.tooSlow)
    this.#stream?.abort()
    this.gone()
  }

  // StreamFanout, for the channels where it stands alone

  message(channel: string, encoded: Encoded): void {
    const { message } = encoded
    const position = message.kind === 'logged' ? message : undefined
    this.#queue({ text: sseEvent('message', encoded.json), channel, position })
  }

  // Connection

  attach(session: Session, account: Account | undefined): void {
    this.#session = session
    this.#account = account
    for (const subscription of session.subscriptions())
      this.#move(subscription.source.name, subscription.position)
    this.#suffix = this.#makeSuffix()
    const headers = {
      ...STREAM_HEADERS,
      'x-accel-buffering': 'no',
      // Who comes back over the same connection would find this node, whatever a balancer thinks of it.
      connection: 'close',
    }
    const reads = (): void => {
      if (this.#state === 'open') this.#context.fanout.memberHasWork(this)
    }
    this.#stream = this.#exchange.stream(200, { ...headers, ...this.#headers }, reads, SSE_COMMENT)
    this.#write(`retry: ${this.#retryMs()}\n`)
    this.#scheduleHeartbeat()
  }

  send(frame: ServerFrame): void {
    this.#context.ports.witness.tap?.sent(this.#session, frame)
    this.#queue({ text: sseEvent(frame.type, encodeFrame(frame)), channel: undefined, position: undefined })
  }

  /** Tells the client when to come back (a browser does it by itself) and ends the stream. */
  end(closing: Closing): void {
    if (this.#state === 'closed') return
    this.#endReason = String(closing.closeCode)
    const reason = closingEvent(new SluiceError(closing.code, closing.message), closing.url)
    // What the group still has for the stream goes first: a cursor names it as received, and nothing is written after this.
    this.#context.ports.metrics.bytesOut('sse', this.#group?.flush() ?? 0)
    this.#flushOwn()
    const retryMs = this.#retryMs(closing.returnWithinMs)
    this.#write(`retry: ${retryMs}\n${reason}${this.#departure(closing)}\n`)
    this.#stream?.end()
    this.gone()
  }

  // GroupMember

  get suffix(): Uint8Array {
    return this.#suffix
  }

  writeShared(events: Uint8Array): void {
    const stream = this.#stream
    if (stream === undefined) return
    writeCorked(stream, events)
    this.#account?.sent(events.length)
    if (stream.slow) this.#context.fanout.memberHasWork(this)
  }

  settle(): void {
    const session = this.#session
    if (this.#state === 'closed' || session === undefined) return
    this.#flushOwn()
    if (this.#stream?.slow === true) {
      this.#fallBehind(session)
      return
    }
    session.resume()
    this.#joinGroup(session)
  }

  /** Everything up to the feeds' positions has been handed to the stream: from there it goes on when the client reads again. */
  #fallBehind(session: Session): void {
    for (const subscription of session.subscriptions()) {
      if (subscription.live) subscription.fallBehind(subscription.position)
    }
  }

  /** Once all its channels are live and nothing of its own waits, a stream gets the group's bytes. */
  #joinGroup(session: Session): void {
    if (this.#group !== undefined || this.#own !== undefined || this.#state === 'closed') return
    const shared = []
    for (const subscription of session.subscriptions()) {
      if (!subscription.live) return
      if (!isInbox(subscription.source.name)) shared.push(subscription.source)
    }
    if (shared.length === 0) return
    shared.sort((a, b) => (a.name < b.name ? -1 : 1))
    const group = this.#context.fanout.group(shared.map((source) => source.name))
    group.join(
      this,
      shared.map((source) => source.position),
    )
    for (const source of shared) {
      source.fanout.removeStreams(this)
      source.fanout.addStreams(group)
    }
    this.#group = group
    this.#suffix = this.#makeSuffix()
  }

  /** Behind what the group has had so far, and before what it will have. */
  #leaveGroupHere(): void {
    if (this.#group === undefined) return
    this.#context.ports.metrics.bytesOut('sse', this.#group.flush())
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
      this.#move(source.name, position)
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
      if (event.channel !== undefined) this.#move(event.channel, event.position)
      text += `${event.text}id: ${this.#cursor()}\n\n`
    }
    this.#write(text)
    this.#suffix = this.#makeSuffix()
  }

  #write(text: string): void {
    const stream = this.#stream
    if (stream === undefined) return
    this.#context.ports.metrics.bytesOut('sse', text.length)
    this.#account?.sent(text.length)
    stream.cork(() => stream.write(text))
  }

  /** A client that is sent elsewhere shows there where it comes from: a browser sends back the last id that it got. */
  #departure({ closeCode }: Closing): string {
    if (this.#session === undefined || closeCode !== CLOSE.goingAway) return ''
    const departure = this.#context.ports.departureOf(this.#session.id)
    return departure === undefined ? '' : `id: ${this.#cursor(departure)}\n`
  }

  #cursor(departure = ''): string {
    if (this.#group !== undefined && this.#session !== undefined) {
      for (const { source, position } of this.#session.subscriptions()) {
        if (!isInbox(source.name)) this.#move(source.name, position)
      }
    }
    return composeCursor(this.#segments.values(), this.#ticket.owner, ticketSegment(this.#ticket) + departure)
  }

  #move(channel: string, position: Position | undefined): void {
    if (position !== undefined)
      this.#segments.set(channel, cursorSegment(tagOf(publicName(channel)), position))
  }

  /** The inbox's place, the ticket, the owner, and the empty line. */
  #makeSuffix(): Uint8Array {
    let inbox = ''
    for (const [channel, segment] of this.#segments) if (isInbox(channel)) inbox = segment
    const own = inbox + ticketSegment(this.#ticket)
    return Buffer.from(`${cursorEnd(own, this.#ticket.owner)}\n\n`, 'latin1')
  }

  /** Drawn per client, so that those who lose a node together do not come back together. */
  #retryMs(withinMs?: number): number {
    const { clock } = this.#context.ports
    const { retryMinMs, retryMaxMs } = this.#context.options
    return Math.round(
      withinMs === undefined ? jitter(clock, retryMinMs, retryMaxMs) : jitter(clock, 0, withinMs),
    )
  }

  #scheduleHeartbeat(): void {
    const { sseHeartbeatMs } = this.#context.options
    this.#context.ports.wheel.schedule(
      this,
      jitter(this.#context.ports.clock, sseHeartbeatMs / 2, sseHeartbeatMs),
    )
  }
}
