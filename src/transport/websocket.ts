/**
 * A WebSocket: moves bytes between uWebSockets.js and a session, and copes with a client that reads slowly.
 *
 *   (opened) ── connect ──▶ (connecting) ── welcome ──▶ (connected) ── close ──▶ (closed)
 *       └── no connect in time: 4408
 *
 * Over its buffer limit the socket leaves all its topics at once, with the exact place of each channel (see
 * `TurnLog`), and comes back when the buffer is empty. Replies wait in a short queue of their own meanwhile.
 */
import { bytesOf, faulty, reasonText } from './closing-text.ts'
import { EarlyFrames, type Newcomers } from './newcomers.ts'
import { OUTBOX_BYTES_MAX, type Outgoing } from './outbox.ts'
import type { Meter, TransportOptions, TransportPorts } from './ports.ts'
import type { NativeSocket } from '../drivers/uws.ts'
import { Closing, SluiceError } from '../errors.ts'
import type { Account } from '../observe/account.ts'
import type { Fanout, TopicMember, Transport } from '../hub/outlet.ts'
import type { OverLimit, Published } from '../hub/turn-log.ts'
import { INBOX, publicName } from '../protocol/channel.ts'
import { CLOSE } from '../protocol/codes.ts'
import { decodeBinary, decodeText, MalformedFrame, type DecodedFrame } from '../protocol/decode.ts'
import { encodeFrame, type Encoded, type HistoryLines } from '../protocol/encode.ts'
import type { EncodedReset } from '../protocol/encoded-reset.ts'
import type { ConnectFrame, From, Position, ServerFrame } from '../protocol/frames.ts'
import type { Connection } from '../session/connection.ts'
import type { Identity } from '../session/ports.ts'
import type { Session } from '../session/session.ts'
import type { Due } from '../wheel.ts'

/** What is known of a socket that has not said `connect`. */
export interface Handshake {
  readonly token: string | undefined
  /** Of the client, behind proxies; empty where nothing is to be charged to it. */
  readonly address: string
}

/** What each socket of a listener shares. */
export interface WebSocketContext {
  readonly ports: TransportPorts
  readonly options: TransportOptions
  readonly newcomers: Newcomers<WebSocketConnection>
}

export class WebSocketConnection implements Connection, OverLimit, Due {
  readonly #context: WebSocketContext
  /** Until the session exists. */
  #handshake: Handshake | undefined
  #socket: NativeSocket | undefined
  #session: Session | undefined
  #account: Account | undefined
  #meter: Meter | undefined
  #state: 'opened' | 'connecting' | 'connected' | 'closed' = 'opened'
  #early: EarlyFrames<DecodedFrame> | undefined
  /** The buffer is over its limit: nothing is sent until it is empty. */
  #congested = false
  /** The socket is still on topics of which it has missed something. */
  #missed: readonly Published[] | undefined
  /** What is being sent at this moment. */
  #sending: string | Uint8Array | undefined
  #outbox: Outgoing[] | undefined
  #outboxBytes = 0
  #endReason: string | undefined
  wheelSlot = -1
  wheelIndex = 0
  wheelTick = 0

  constructor(handshake: Handshake, context: WebSocketContext) {
    this.#handshake = handshake
    this.#context = context
  }

  /** Of the class: a field of its own would cost each connection eight bytes. */
  get transport(): Transport {
    return 'websocket'
  }

  get exclusionKey(): string | undefined {
    return this.#session?.id
  }

  get speaks(): boolean {
    return true
  }

  get closed(): boolean {
    return this.#state === 'closed'
  }

  opened(socket: NativeSocket): void {
    this.#socket = socket
    this.#context.ports.admission.connected(this.transport)
    this.#context.ports.wheel.schedule(this, this.#context.options.connectTimeoutMs)
    this.#context.newcomers.enter(this)?.due()
  }

  /** No `connect` came in time. */
  due(): void {
    if (this.#state !== 'opened') return
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
    this.#account?.received(bytes)
    if (bytes > options.frameBytesMax) {
      ports.metrics.limitHit('frame')
      const why = `the frame has ${bytes} bytes; limits.frame allows ${options.frameBytesMax}`
      this.end(new Closing('tooLarge', 'limit_exceeded', why))
      return
    }
    if (!this.#metered(bytes)) return
    let frame
    try {
      // The payload of a binary publish outlives the call, so the frame is copied.
      frame = binary
        ? decodeBinary(new Uint8Array(message.slice(0)), options.jsonDepthMax)
        : decodeText(Buffer.from(message).toString('utf8'), options.jsonDepthMax)
    } catch (error) {
      if (!(error instanceof MalformedFrame)) throw error
      this.#malformed(error)
      return
    }
    this.#handle(frame, bytes)
  }

  /** A ping or a pong costs as much as a frame that says nothing. */
  controlled(bytes: number): void {
    const { metrics } = this.#context.ports
    metrics.bytesIn(this.transport, bytes)
    metrics.frameIn()
    this.#metered(bytes)
  }

  /** A message did not find room. Called in the middle of a send or a flush: only takes notes. */
  dropped(message: ArrayBuffer): void {
    if (this.#missed !== undefined) return
    const dropped = new Uint8Array(message)
    // A frame of our own: its sender sees that in the result of `send`. A replay has the bytes that the topics had.
    if (this.#sending !== undefined && Buffer.compare(dropped, bytesOf(this.#sending)) === 0) return
    const missed = this.#context.ports.hub.missedFrom(dropped)
    if (missed === undefined) return
    this.#missed = missed
    this.#context.ports.hub.settleBeforePublish(this)
  }

  /** The buffer is over its limit; everything that was published so far is in it. */
  congested(): void {
    if (this.#congested) return
    this.#missed ??= []
    this.settle(undefined, undefined)
  }

  settle(publishing: string | undefined, before: Position | undefined): void {
    const missed = this.#missed
    if (missed === undefined) return
    this.#missed = undefined
    this.#congested = true
    if (this.#session === undefined) return
    for (const subscription of this.#session.subscriptions()) {
      if (!subscription.live) continue
      const { name, position } = subscription.source
      const first = missed.find(
        ({ channel, sequence }) => channel === name && sequence >= subscription.liveSince,
      )
      if (position === undefined && first !== undefined) this.#context.ports.metrics.ephemeralDropped(1)
      subscription.fallBehind(first === undefined ? (name === publishing ? before : position) : first.before)
    }
  }

  /** The buffer is empty again. */
  drained(): void {
    this.settle(undefined, undefined)
    this.#congested = false
    const outbox = this.#outbox
    if (outbox !== undefined) {
      this.#outbox = undefined
      this.#outboxBytes = 0
      for (const { data, binary } of outbox) this.#write(data, binary)
    }
    if (!this.#congested) this.#session?.resume()
  }

  /** The socket has gone: nothing of it may be touched any more. */
  gone(code: number): void {
    if (this.#state === 'opened') this.#charge(this.#endReason === undefined ? 'left' : 'silent')
    this.#state = 'closed'
    this.#socket = undefined
    this.#missed = undefined
    this.#outbox = undefined
    this.#early = undefined
    const { ports } = this.#context
    ports.wheel.cancel(this)
    this.#context.newcomers.leave(this)
    // Cut off before the frame was read to its end.
    if (this.#endReason === undefined && code === CLOSE.tooLarge) ports.metrics.limitHit('frame')
    const reason = this.#endReason ?? String(code)
    ports.admission.disconnected(this.transport, reason)
    if (this.#session !== undefined) ports.sessions.disconnected(this.#session, this.#account, reason)
  }

  // Outlet

  hasRoom(): boolean {
    const socket = this.#socket
    return (
      socket !== undefined &&
      !this.#congested &&
      socket.getBufferedAmount() < this.#context.options.bufferedBytesMax / 2
    )
  }

  deliver(encoded: Encoded): void {
    this.#write(encoded.webSocket, encoded.message.binary)
    this.#account?.delivered()
  }

  reset({ json }: EncodedReset): void {
    this.#write(json, false)
  }

  goLive(fanout: Fanout): void {
    this.#socket?.subscribe(fanout.channel)
    fanout.nativeCount++
    this.#account?.joined(fanout, true)
  }

  leaveLive(fanout: Fanout): void {
    this.#socket?.unsubscribe(fanout.channel)
    fanout.nativeCount--
    this.#account?.left(fanout, true)
  }

  stepAside(_fanout: Fanout, encoded: Encoded): TopicMember | undefined {
    this.#account?.spared(encoded.webSocket.length)
    return this.#socket
  }

  closeTooSlow(channel: string): void {
    this.end(
      new Closing('tooSlow', 'rate_limited', `messages of ${publicName(channel)} were not read fast enough`),
    )
  }

  // Connection

  attach(session: Session, account: Account | undefined): void {
    this.#session = session
    this.#account = account
    this.#handshake = undefined
    this.#state = 'connected'
  }

  send(frame: ServerFrame | HistoryLines): void {
    this.#context.ports.witness.tap?.sent(this.#session, frame as ServerFrame)
    this.#write(encodeFrame(frame), false)
  }

  end(closing: Closing): void {
    const socket = this.#socket
    if (socket === undefined) return
    const { metrics } = this.#context.ports
    metrics.protocolError(closing.code)
    this.#endReason = String(closing.closeCode)
    const { code, message } = closing
    this.send({ type: 'error', code, message, retryable: new SluiceError(code, message).retryable })
    // `send` may have found that the socket has gone.
    this.#socket?.end(closing.closeCode, reasonText(message))
  }

  /** False: over a limit, and the connection ends. */
  #metered(bytes: number): boolean {
    this.#meter ??= this.#context.ports.admission.meter()
    if (this.#meter.take(bytes)) return true
    const message = 'frames or bytes came faster than the limits of the gateway allow'
    this.end(new Closing('rateLimited', 'rate_limited', message))
    return false
  }

  #handle(frame: DecodedFrame, bytes: number): void {
    switch (this.#state) {
      case 'connected':
        this.#session?.handle(frame)
        break
      case 'connecting':
        if (this.#early?.add(frame, bytes) === false) {
          const { frameBytesMax } = this.#context.options
          const why = `before welcome at most 1024 frames of ${frameBytesMax} bytes together may follow connect`
          this.end(new Closing('rateLimited', 'rate_limited', why))
        }
        break
      case 'opened':
        if (frame.type === 'connect') this.#connect(frame)
        else if (this.#handshake?.token !== undefined) {
          // With a token in the handshake, everything that connect could say is known.
          this.#connect({ type: 'connect' })
          this.#handle(frame, bytes)
        } else this.end(new Closing('unauthorized', 'unauthorized', `connect comes before ${frame.type}`))
        break
      case 'closed':
        break
    }
  }

  #connect(frame: ConnectFrame): void {
    this.#state = 'connecting'
    const { ports, options, newcomers } = this.#context
    this.#early = new EarlyFrames(options.frameBytesMax)
    newcomers.leave(this)
    ports.wheel.cancel(this)
    const token = frame.token ?? this.#handshake?.token
    ports.sessions.identify(token).then(
      (identity) => this.#open(identity, frame),
      (error: unknown) => this.#refused(error),
    )
  }

  #open(identity: Identity, { session, resume }: ConnectFrame): void {
    const channels = new Map<string, From | undefined>(Object.entries(resume ?? {}))
    if (!channels.has(INBOX)) channels.set(INBOX, undefined)
    const request = { session, departure: undefined, channels, partial: true }
    this.#context.ports.sessions.connect(this, identity, request).then(
      (connected) => {
        if (connected === undefined) return
        const early = this.#early?.frames ?? []
        this.#early = undefined
        for (const frame of early) connected.handle(frame)
      },
      (error: unknown) => this.#refused(error),
    )
  }

  #charge(why: 'token' | 'silent' | 'left'): void {
    this.#context.ports.admission.charge(this.#handshake?.address ?? '', why)
  }

  #refused(error: unknown): void {
    if (error instanceof Closing) this.end(error)
    else if (!(error instanceof SluiceError)) {
      this.#context.ports.failed('connecting a client', error)
      this.end(faulty())
    } else if (error.code === 'unauthorized') {
      this.#charge('token')
      this.end(new Closing('unauthorized', error.code, error.message, { cause: error }))
    } else if (error.retryable) this.end(new Closing('tryLater', error.code, error.message, { cause: error }))
    else this.end(new Closing('forbidden', error.code, error.message, { cause: error }))
  }

  #malformed(error: MalformedFrame): void {
    if (error.fatal) {
      this.end(new Closing('malformed', 'bad_request', error.message))
      return
    }
    this.#context.ports.metrics.protocolError('bad_request')
    const ref = error.ref === undefined ? {} : { ref: error.ref }
    this.send({ type: 'error', ...ref, code: 'bad_request', message: error.message, retryable: false })
  }

  #write(data: string | Uint8Array, binary: boolean): void {
    const socket = this.#socket
    if (socket === undefined) return
    this.settle(undefined, undefined)
    if (this.#congested) {
      this.#queue({ data, binary })
      return
    }
    // As the library itself does, but not every binary at this limit.
    if (socket.getBufferedAmount() > this.#context.options.bufferedBytesMax) {
      this.#queue({ data, binary })
      return
    }
    this.#sending = data
    const sent = socket.send(data, binary)
    this.#sending = undefined
    if (sent === 2) this.#queue({ data, binary })
    else {
      this.#context.ports.metrics.bytesOut(this.transport, data.length)
      this.#account?.sent(data.length)
    }
  }

  #queue(outgoing: Outgoing): void {
    this.#congested = true
    ;(this.#outbox ??= []).push(outgoing)
    this.#outboxBytes += outgoing.data.length
    if (this.#outboxBytes <= OUTBOX_BYTES_MAX) return
    this.#context.ports.metrics.limitHit('buffered')
    this.#outbox = undefined
    this.#endReason = String(CLOSE.tooSlow)
    this.#socket?.end(CLOSE.tooSlow, 'replies were not read')
  }
}
