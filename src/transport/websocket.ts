/**
 * A WebSocket: moves bytes between uWebSockets.js and a conversation, and copes with a client that reads slowly.
 *
 *   (stranger) ── introduced ──▶ (expected) ── joined ──▶ (joined) ── close ──▶ (closed)
 *       └── not in time: 4408
 *
 * Over its buffer limit the socket leaves all its topics at once, with the exact place of each channel (see
 * `TurnLog`), and comes back when the buffer is empty. Replies wait in a short queue of their own meanwhile.
 */
import { Answers, type Answered } from './answers.ts'
import { Arriving } from './arriving.ts'
import { bytesOf, reasonText } from './closing-text.ts'
import { fallBehind, keepWaiting, trouble, type Trouble } from './trouble.ts'
import type { Outgoing } from './outbox.ts'
import { webSocketUrl } from './elsewhere.ts'
import type { Arrived, WebSocketContext } from './websocket-context.ts'
import type { Conversation, Link } from '../dialect/dialect.ts'
import type { NativeSocket } from '../drivers/uws.ts'
import { Closing, faulty } from '../errors.ts'
import type { Fanout } from '../hub/fanout.ts'
import type { Spared } from '../hub/subscriber.ts'
import { topicOf } from '../hub/topics.ts'
import type { OverLimit } from '../hub/turn-log.ts'
import type { Entry } from '../presence/info.ts'
import { isInbox, publicName } from '../protocol/channel.ts'
import type { Encoded } from '../protocol/encoded.ts'
import type { EncodedReset } from '../protocol/encoded-reset.ts'
import type { Written } from '../protocol/form.ts'
import { RFC_CLOSE } from '../protocol/rfc6455.ts'
import type { Position } from '../protocol/position.ts'
import type { MoveOrder, UnsubscribedBy } from '../session/connection.ts'
import type { TransportName } from '../protocol/transport-name.ts'
import type { Session } from '../session/session.ts'
import type { Start, Welcome } from '../session/welcome.ts'

/** What is being sent at this moment, to whomever. */
let sending: string | Uint8Array | undefined

/** Of all sockets: it holds nothing beyond the turn. */
const answers = new Answers()

/** Its methods are `private` by word (see `Subscription`), and it has getters: a field would cost each connection eight bytes. */
export class WebSocketConnection implements Link, OverLimit, Answered {
  readonly #context: WebSocketContext
  #conversation: Conversation<Buffer>
  #socket: NativeSocket | undefined
  #session: Session | undefined
  /** Until it is joined, all that is needed until then. */
  #state: Arriving | 'joined' | 'closed'
  #trouble: Trouble | undefined

  constructor({ conversation, address }: Arrived, context: WebSocketContext) {
    this.#conversation = conversation
    this.#context = context
    this.#state = new Arriving(this, address)
  }

  get transport(): TransportName {
    return 'websocket'
  }

  get exclusionKey(): string | undefined {
    return this.#session?.id
  }

  get stays(): boolean {
    return true
  }

  get closed(): boolean {
    return this.#state === 'closed'
  }

  get session(): Session | undefined {
    return this.#session
  }

  opened(socket: NativeSocket): void {
    this.#socket = socket
    this.#context.ports.admission.connected(this.transport)
    this.arriving?.come(this.#context)
    this.#conversation.opened(this)
  }

  /** It did not say in time who it is. */
  late(): void {
    this.#context.ports.metrics.limitHit('connect_timeout')
    this.end(new Closing('connectTimeout', 'unauthorized', 'no connect came in time'))
  }

  abandon(): void {
    this.end(faulty())
  }

  received(message: ArrayBuffer, binary: boolean): void {
    const { ports, options } = this.#context
    const bytes = message.byteLength
    ports.metrics.bytesIn(this.transport, bytes)
    ports.metrics.frameIn()
    this.#session?.account?.received(bytes)
    if (bytes > options.frameBytesMax) {
      ports.metrics.limitHit('frame')
      const why = `the frame has ${bytes} bytes; limits.frame allows ${options.frameBytesMax}`
      this.end(new Closing('tooLarge', 'limit_exceeded', why))
      return
    }
    if (this.metered(bytes) && this.#state !== 'closed') this.#conversation.received(this, message, binary)
  }

  /** A ping or a pong costs as much as a frame that says nothing. */
  controlled(bytes: number): void {
    const { metrics } = this.#context.ports
    metrics.bytesIn(this.transport, bytes)
    metrics.frameIn()
    this.metered(bytes)
  }

  /** A message did not find room. Called in the middle of a send or a flush: only takes notes. */
  dropped(message: ArrayBuffer): void {
    if (this.#trouble?.missed !== undefined) return
    const dropped = new Uint8Array(message)
    // A frame of our own: its sender sees that in the result of `send`. A replay has the bytes that the topics had.
    if (sending !== undefined && Buffer.compare(dropped, bytesOf(sending)) === 0) return
    const missed = this.#context.ports.hub.missedFrom(dropped)
    if (missed === undefined) return
    this.inTrouble.missed = missed
    this.#context.ports.hub.settleBeforePublish(this)
  }

  /** The buffer is over its limit; everything that was published so far is in it. */
  congested(): void {
    if (this.isCongested) return
    this.inTrouble.missed ??= []
    this.settle(undefined, undefined)
  }

  settle(publishing: string | undefined, before: Position | undefined): void {
    const slow = this.#trouble
    const missed = slow?.missed
    if (slow === undefined || missed === undefined) return
    slow.missed = undefined
    slow.congested = true
    const dropped = fallBehind(this.#session?.subscriptions() ?? [], missed, publishing, before)
    if (dropped > 0) this.#context.ports.metrics.ephemeralDropped(dropped)
  }

  /** The buffer is empty again. */
  drained(): void {
    this.settle(undefined, undefined)
    const outbox = this.#trouble?.outbox
    const endReason = this.#trouble?.endReason
    this.#trouble = endReason === undefined ? undefined : trouble(endReason)
    for (const { data, binary } of outbox ?? []) this.writeOut(data, binary)
    if (!this.isCongested) this.#session?.resume()
  }

  /** The socket has gone: nothing of it may be touched any more. */
  gone(code: number): void {
    const { ports, dialect } = this.#context
    const why = this.#trouble?.endReason
    const arriving = this.arriving
    if (arriving?.introduced === false)
      ports.admission.charge(arriving.address, why === undefined ? 'left' : 'silent')
    arriving?.leave(this.#context)
    this.#state = 'closed'
    this.#socket = undefined
    this.#trouble = undefined
    // Cut off before the frame was read to its end.
    if (why === undefined && code === RFC_CLOSE.tooLarge) ports.metrics.limitHit('frame')
    const ended = why === undefined ? { code } : { why, code: dialect.closeCodes[why] }
    ports.admission.disconnected(this.transport, ended)
    this.#conversation.gone()
    if (this.#session !== undefined) ports.sessions.disconnected(this.#session, ended)
  }

  // Subscriber

  hasRoom(): boolean {
    const socket = this.#socket
    return (
      socket !== undefined &&
      !this.isCongested &&
      socket.getBufferedAmount() < this.#context.options.bufferedBytesMax / 2
    )
  }

  deliver(encoded: Encoded): void {
    const written = encoded.as(this.#conversation.form)
    this.write(written)
    this.#session?.account?.delivered()
    this.#session?.account?.sent(written.data.length)
  }

  reset(reset: EncodedReset): void {
    this.#conversation.reset(this, reset)
  }

  attach(fanout: Fanout, channel: string): void {
    // What comes to an inbox is handed to each socket by `deliver`, which counts it.
    if (isInbox(channel)) return
    const { form } = this.#conversation
    this.#socket?.subscribe(topicOf(form, channel))
    fanout.addNative(form)
    this.#session?.account?.joined(fanout.messages, fanout.group(form)?.bytes)
  }

  detach(fanout: Fanout, channel: string): void {
    if (isInbox(channel)) return
    const { form } = this.#conversation
    this.#socket?.unsubscribe(topicOf(form, channel))
    this.#session?.account?.left(fanout.messages, fanout.group(form)?.bytes)
    fanout.removeNative(form)
  }

  stepAside(_fanout: Fanout, channel: string, encoded: Encoded): Spared | undefined {
    const { form } = this.#conversation
    if (!isInbox(channel)) this.#session?.account?.spared(encoded.as(form).data.length)
    return this.#socket === undefined ? undefined : { member: this.#socket, form }
  }

  closeTooSlow(channel: string): void {
    this.end(
      new Closing('tooSlow', 'rate_limited', `messages of ${publicName(channel)} were not read fast enough`),
    )
  }

  // Connection

  joined(session: Session, welcome: Welcome): void {
    this.#session = session
    this.introduced()
    this.#state = 'joined'
    this.#conversation = this.#conversation.joined(this, session, welcome)
  }

  subscribed(channel: string, start: Start): void {
    this.#conversation.subscribed(this, channel, start)
  }

  unsubscribed(channel: string, why: UnsubscribedBy): void {
    this.#conversation.unsubscribed(this, channel, why)
  }

  entryIn(session: Session, channel: string, said: string | undefined): Entry | undefined {
    return this.#conversation.entryIn?.(session, channel, said)
  }

  reauth(deadlineMs: number): void {
    this.#conversation.reauth(this, deadlineMs)
  }

  move(order: MoveOrder): 'asked' | 'leaves' {
    const to = order.to === undefined ? {} : { to: webSocketUrl(order.to, this.#context.path) }
    return this.#conversation.move(this, { ...order, ...to })
  }

  end(closing: Closing): void {
    answers.sayBefore(this)
    if (this.#socket === undefined) return
    this.#context.ports.metrics.protocolError(closing.code)
    this.inTrouble.endReason = closing.why
    const { dialect, ports } = this.#context
    const farewell = dialect.farewell(closing, this.#conversation)
    const { text, reason, code = dialect.closeCodes[closing.why] } = farewell
    if (text !== undefined) this.writeOut(text, false)
    if (this.#session !== undefined)
      ports.witness.tap?.told(this.#session, 'error', { code: closing.code, message: closing.message })
    // What was written may have found that the socket has gone.
    this.#socket?.end(code, reasonText(reason))
  }

  // Link

  say(text: string, name: string): void {
    if (name === 'published') answers.add(this, text)
    else this.writeOut(text, false)
  }

  sayAll(texts: readonly string[]): void {
    this.#socket?.cork(() => {
      for (const text of texts) this.writeOut(text, false)
    })
  }

  write({ data, binary }: Written): void {
    this.writeOut(data, binary)
  }

  introduced(): void {
    const { arriving } = this
    if (arriving?.introduced !== false) return
    arriving.introduced = true
    arriving.leave(this.#context)
  }

  another(): void {
    this.#context.ports.metrics.frameIn()
    this.metered(0)
  }

  charge(why: 'token'): void {
    const { arriving } = this
    if (arriving !== undefined) this.#context.ports.admission.charge(arriving.address, why)
  }

  private get arriving(): Arriving | undefined {
    return typeof this.#state === 'object' ? this.#state : undefined
  }

  private get isCongested(): boolean {
    return this.#trouble?.congested === true
  }

  private get inTrouble(): Trouble {
    return (this.#trouble ??= trouble())
  }

  /** False: over a limit, and the connection ends. */
  private metered(bytes: number): boolean {
    if (this.#context.ports.admission.take(this, bytes)) return true
    const message = 'frames or bytes came faster than the limits of the gateway allow'
    this.end(new Closing('rateLimited', 'rate_limited', message))
    return false
  }

  private writeOut(data: string | Uint8Array, binary: boolean): void {
    answers.sayBefore(this)
    const socket = this.#socket
    if (socket === undefined) return
    this.settle(undefined, undefined)
    // As the library itself does, but not every binary at this limit.
    const full = this.isCongested || socket.getBufferedAmount() > this.#context.options.bufferedBytesMax
    if (full) return this.queue({ data, binary })
    const outer = sending
    sending = data
    const sent = socket.send(data, binary, data.length >= this.#context.options.compressFromBytes)
    sending = outer
    if (sent === 2) this.queue({ data, binary })
    else this.#context.ports.metrics.bytesOut(this.transport, data.length)
  }

  private queue(outgoing: Outgoing): void {
    if (keepWaiting(this.inTrouble, outgoing)) return
    this.#context.ports.metrics.limitHit('buffered')
    this.#socket?.end(this.#context.dialect.closeCodes.tooSlow, 'replies were not read')
  }
}
