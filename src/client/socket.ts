/**
 * One WebSocket connection: moves frames, and notices when nothing comes any more. What they mean is decided elsewhere.
 */
import { withoutQuery } from './address.ts'
import { cutBinary, joinBinary, type Bytes } from '../protocol/binary.ts'
import { SUBPROTOCOL, type ClientFrame, type ServerFrame } from '../dialect/sluice-v1/frames.ts'
import type { Trace } from './debug.ts'
import { ClientError } from './errors.ts'
import type { Time } from './time.ts'

/** The part of the standard WebSocket that the client uses: that of browsers, React Native, Node 22 and `ws` all fit. */
export interface WebSocketLike {
  binaryType: string
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  send(data: Wire): void
  close(code?: number): void
}

export type WebSocketConstructor = new (url: string, protocol: string) => WebSocketLike

/** A frame as it is sent. */
export type Wire = string | Bytes

/** A frame that is about to be JSON, which leaves out what is `undefined`. */
type Sent<Frame, Without extends string = never> = Frame extends ClientFrame
  ? { readonly [Field in keyof Frame as Exclude<Field, Without>]: Frame[Field] | undefined }
  : never
type Request = Extract<ClientFrame, { readonly ref: number }>

/** The close code of a connection that ended without one (RFC 6455, section 7.4.1). */
export const CUT = 1006

/** All that a browser lets a page know. */
const UNREACHABLE = 'nothing answers there, or it is no gateway, or refuses this page (see allowedOrigins)'

/** A message that says whose it is, and nothing more that could be read. */
export interface Unreadable {
  readonly type: 'unreadable'
  readonly channel: string
  readonly offset: number | undefined
  readonly cause: unknown
}

/** The gateway writes what a message is before what is in it. */
const MESSAGE = /^{"type":"message","channel":"([^"]+)"(?:,"offset":(\d+))?/

/** In `socket.asked`: what was asked for by `connect`, and is answered in `welcome`. */
export const BY_CONNECT = {}

export interface SocketSink {
  opened(socket: Socket): void
  received(socket: Socket, frame: ServerFrame | Unreadable): void
  /** Once, and nothing after it; never after `socket.close()`. */
  closed(socket: Socket, error: ClientError): void
}

export interface SocketOptions {
  readonly WebSocket: WebSocketConstructor
  readonly time: Time
  /** After a ping something must arrive within this time. */
  readonly pongTimeoutMs: number
  readonly trace: Trace
  readonly refs: {
    /** Never the same twice, over all links of a client. */
    nextRef(): number
  }
}

export class Socket {
  /** What the gateway was shown last on this socket. */
  token: string | undefined
  servesSinceMs: number | undefined
  /** Whether anything was said on this socket. */
  greeted = false
  /** The latest request about something: only the answer to that one counts. */
  readonly asked = new Map<object, object>()
  readonly #answers = new Map<number, (reply: ServerFrame) => void>()
  readonly #options: SocketOptions
  readonly #sink: SocketSink
  #socket: WebSocketLike | undefined
  #closed = false
  /** Without its query, which may hold a token. */
  #address = ''
  /** What the gateway or the platform complained of; either says why before it closes. */
  #complaint = ''
  #cancelBeat: (() => void) | undefined
  #cancelDeadline: (() => void) | undefined

  constructor(options: SocketOptions, sink: SocketSink) {
    this.#options = options
    this.#sink = sink
  }

  /** Throws what the WebSocket's constructor throws: the URL is none, or the page may not use it. */
  open(url: string): void {
    const socket = new this.#options.WebSocket(url, SUBPROTOCOL)
    this.#socket = socket
    this.#address = withoutQuery(url)
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => {
      if (this.#closed) return
      this.greeted = true
      this.#sink.opened(this)
    }
    socket.onmessage = ({ data }: { readonly data: unknown }) => {
      if (!this.#closed) this.#receive(data)
    }
    // In a browser it says nothing; `ws` says what the server answered, and throws an error that nobody listens to.
    socket.onerror = ({ message = '' }: { readonly message?: string }) => {
      this.#complaint ||= message
    }
    socket.onclose = ({ code = CUT, reason = '' }: { readonly code?: number; readonly reason?: string }) =>
      this.#ended(code, reason)
  }

  send(frame: Sent<ClientFrame>): void {
    this.write(JSON.stringify(frame))
  }

  write(wire: Wire): void {
    this.#options.trace?.('→', wire)
    this.#socket?.send(wire)
  }

  /** A request about this socket: once the socket is gone, nobody answers it. */
  ask(request: Sent<Request, 'ref'>, answered: (reply: ServerFrame) => void): void {
    const ref = this.#options.refs.nextRef()
    this.#answers.set(ref, answered)
    this.send({ ...request, ref })
  }

  /** Sends a ping every `intervalMs`, or somewhat earlier: pings of many clients are spread. */
  beat(intervalMs: number): void {
    const { time } = this.#options
    this.#cancelBeat = time.after(intervalMs * (1 - time.random() / 4), () => {
      this.beat(intervalMs)
      this.probe()
    })
  }

  /** Asks whether the other end is still there; ends as cut off if nothing at all is heard in time. */
  probe(): void {
    const { time, pongTimeoutMs } = this.#options
    this.#cancelDeadline ??= time.after(pongTimeoutMs, () =>
      this.#ended(CUT, `nothing was heard within ${pongTimeoutMs} ms`),
    )
    this.send({ type: 'ping' })
  }

  /** Ends the connection as a client does that needs it no more. Nothing is heard of it from here on. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancelBeat?.()
    this.#cancelDeadline?.()
    this.#socket?.close(1000)
  }

  #receive(data: unknown): void {
    this.#options.trace?.('←', data)
    this.#cancelDeadline?.()
    this.#cancelDeadline = undefined
    let frame: ServerFrame
    let text = ''
    let ref = 0
    try {
      // The gateway is trusted to speak its protocol: a check of every field would not fit into the bundle.
      if (typeof data === 'string') frame = JSON.parse((text = data)) as ServerFrame
      else {
        const { envelope, payload } = cutBinary(new Uint8Array(data as ArrayBuffer))
        frame = { ...(JSON.parse((text = envelope)) as ServerFrame), data: payload } as ServerFrame
      }
      if ('ref' in frame) ref = frame.ref as number
    } catch (cause) {
      const [, channel, offset] = MESSAGE.exec(text) ?? []
      // A new connection would bring the same message again, and so for ever: the others are worth more.
      if (channel)
        this.#sink.received(this, {
          type: 'unreadable',
          channel,
          offset: offset && +offset,
          cause,
        } as Unreadable)
      // It may have been anything. The positions are before it, so a new connection brings it again.
      else this.#ended(CUT, 'a frame could not be read')
      return
    }
    const answered = this.#answers.get(ref)
    this.#answers.delete(ref)
    if (answered) answered(frame)
    else {
      if (frame.type === 'error' && ref === 0) this.#complaint = frame.message
      this.#sink.received(this, frame)
    }
  }

  #ended(closeCode: number, reason: string): void {
    if (this.#closed) return
    // Also where it is closed already: of half a connection, this end has to be closed.
    this.close()
    const nothing = this.greeted ? 'the network, or a proxy' : UNREACHABLE
    const message = `the connection to ${this.#address} ended (${closeCode}): ${reason || this.#complaint || nothing}`
    this.#sink.closed(this, new ClientError('closed', message, { closeCode }))
  }
}

/** A frame with `data`: binary where the data is bytes. Throws a `TypeError` for data that JSON has no form of. */
export function encodeData(frame: ClientFrame & { readonly data: unknown }): Wire {
  const { data, ...envelope } = frame
  return data instanceof Uint8Array ? joinBinary(JSON.stringify(envelope), data) : JSON.stringify(frame)
}
