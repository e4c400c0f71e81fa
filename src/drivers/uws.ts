/**
 * The only module that touches uWebSockets.js. What it hands out stays valid after an `await`: everything of a request
 * is copied before the handler returns, because uWebSockets.js reuses the request's memory.
 *
 * Rules of uWebSockets.js that are kept here, so that nobody else needs to know them:
 *  - a deferred reply without `onAborted` aborts the process: each handler of a request begins with it, and a handshake has it
 *    that is not accepted in its handler;
 *  - a header value with a line break would split the response (RFC 9112, section 11.1), so it is refused;
 *  - an answer to HEAD must go out without its body;
 *  - a stream with `onWritable` stops for good if the callback writes nothing, so a filler is written for it;
 *  - the message of a WebSocket is neutered after the handler, so whoever keeps it copies it;
 *  - a PROXY header counts in front of any request, so where it is believed a connection carries one (`one-request.ts`);
 *  - what a handler throws would end the process, so each call from outside is a wall: the connection ends with 1011 or 500.
 */
import { BacklogWatch, EXCESS_BYTES_MAX } from './backlog-watch.ts'
import { errorBody, type Caught, type Wall } from '../errors.ts'
import type { ResponseHeaders } from './http-answer.ts'
import { HttpExchange, type HttpRoute } from './http-exchange.ts'
import type { RequestHead } from './request-head.ts'
import { RFC_CLOSE } from '../protocol/rfc6455.ts'
import { endConnectionWith } from './one-request.ts'
import { answerHandshake, takeAccepted, type Upgrade } from './upgrade.ts'
import { loadUws, type Native } from './uws-binary.ts'
import {
  own,
  publishAround,
  serve,
  serveNames,
  type ListenerCertificates,
  type Owned,
  type Served,
  type TopicMember,
} from './uws-served.ts'
import { endVanished, openSockets } from './vanished-peers.ts'

export type { ResponseHeaders } from './http-answer.ts'
export type { HttpExchange, HttpRoute, HttpStream, StreamWriter } from './http-exchange.ts'
export type { HeaderName, RequestHead } from './request-head.ts'
export type { Upgrade } from './upgrade.ts'

/** A WebSocket of uWebSockets.js itself: a wrapper for each would double what an idle connection costs. Every method throws after `close`. */
export interface NativeSocket {
  /** 0: queued because the client reads slowly. 1: sent. 2: dropped, the buffer is over its limit. */
  send(message: Uint8Array | string, binary: boolean, compress?: boolean): number
  subscribe(topic: string): boolean
  unsubscribe(topic: string): boolean
  getBufferedAmount(): number
  /** Sends a close frame. Calls the route's `close` before it returns. */
  end(code: number, reason: string): void
  /** Cuts the connection without a close frame. */
  close(): void
  cork(run: () => void): unknown
  /** To all others who are on the topic and are served by the same certificate. */
  publish(topic: string, message: Uint8Array, binary: boolean, compress?: boolean): boolean
}

export interface WebSocketRoute<Connection> {
  /** Above this uWebSockets.js cuts the connection (the client sees 1006); rooms answer 1009 for less. */
  readonly frameBytesMax: number
  /** Above this a message to the client is dropped and `dropped` is called. */
  readonly bufferedBytesMax: number
  readonly idleTimeoutSeconds: number
  upgrade(head: RequestHead, upgrade: Upgrade<Connection>): void
  open(connection: Connection, socket: NativeSocket): void
  /** `message` is valid during the call only. */
  message(connection: Connection, message: ArrayBuffer, binary: boolean): void
  /** A message, of a topic or sent directly, found the buffer over its limit. Called from inside a send or the loop's own flush: change no subscription here. */
  dropped(connection: Connection, message: ArrayBuffer): void
  /**
   * The buffer is over its limit and nothing was dropped so far: in place of `dropped`, where the library does not tell.
   * Called outside of any send, again and again while it is so. `undefined`: what is dropped needs no notice.
   */
  readonly congested: ((connection: Connection) => void) | undefined
  /** The buffer is empty again. */
  drain(connection: Connection): void
  /** A ping or a pong of so many bytes came; a ping has been answered. The parts of a message show nowhere before its end. */
  control(connection: Connection, bytes: number): void
  /** `code` is what ended it: of the peer's close frame, 1006 without one, 1009 or 4400 where uWebSockets.js cut it off for that. */
  close(connection: Connection, code: number): void
}

/** Thrown at start only, and meant for the operator. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}

export interface ListenerOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly tls?: ListenerCertificates
  /** Other processes may listen there too, and the kernel spreads connections over them. */
  readonly shared: boolean
  /** The options that say where, for whoever has to change them. */
  readonly setBy: string
  /** Whether `proxiedAddress` will be believed: then a connection carries one request. */
  readonly proxyProtocol?: boolean
  /** From so many bytes on what goes to a topic is compressed (RFC 7692). Absent or `Infinity`: nothing is, nor is it offered. */
  readonly compressFromBytes?: number
  /** A peer that has acknowledged nothing for so long has vanished, and its connection ends. */
  readonly goneMs: number
  readonly caught: Caught
}

/** `LIBUS_LISTEN_DEFAULT` lets any process of the same user listen there too, and nobody would notice. */
const SHARED = 0
const EXCLUSIVE = 1

/** As it is; the types leave it out. */
type Listen = (
  host: string,
  port: number,
  options: number,
  done: (socket: Native.us_listen_socket | false) => void,
) => void

const JSON_TYPE: ResponseHeaders = { 'content-type': 'application/json' }
/** What uWebSockets.js says of connections that it cuts off itself. */
const CUT_OFF: Readonly<Record<string, number>> = {
  'Received too big message': RFC_CLOSE.tooLarge,
  'Received too big message, or other inflation error': RFC_CLOSE.tooLarge,
  'Received invalid UTF-8': RFC_CLOSE.notUtf8,
}

function endedBy(code: number, reason: ArrayBuffer): number {
  return code === 1006 ? (CUT_OFF[Buffer.from(reason).toString()] ?? code) : code
}

/** One listening socket with its routes and the topics of its WebSockets. */
export class Listener {
  readonly #uWS = loadUws().uWS
  #served: Served
  /** Those of certificates that were renewed since: who is connected stays. */
  readonly #former: Served[] = []
  readonly #routes: ((served: Served) => void)[] = []
  readonly #watches: { published(bytes: number): void }[] = []
  readonly #options: ListenerOptions
  #socket: Native.us_listen_socket | undefined
  #port = 0
  #closed = false
  /** It is to listen, whether it does or not. */
  #wanted = false
  #vanishing: string | undefined

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#served = serve(options.tls)
  }

  #route(route: (served: Served) => void): void {
    if (this.#wanted) throw new Error('a listener is given its routes before it listens')
    this.#routes.push(route)
    route(this.#served)
  }

  /** All HTTP requests whose path no WebSocket route has taken. */
  http(route: HttpRoute): void {
    const { caught } = this.#options
    const handle: Parameters<Native.TemplatedApp['any']>[1] = (response, request) => {
      if (this.#options.proxyProtocol === true) endConnectionWith(response)
      let exchange: HttpExchange | undefined
      try {
        exchange = new HttpExchange(response, request, route, caught)
        const { fault } = exchange.head
        if (fault !== undefined) {
          exchange.respond(400, JSON_TYPE, errorBody('bad_request', fault), true)
          return
        }
        const handled = exchange.handle()
        if (handled !== undefined) void answered(handled, exchange)
      } catch (error) {
        if (exchange !== undefined) exchange.fail(error)
        else {
          caught('request', error)
          response.close()
        }
      }
    }
    this.#route(({ app }) => app.any('/*', handle))
  }

  webSocket<Connection>(path: string, route: WebSocketRoute<Connection>): void {
    type UserData = Owned<Connection>
    const { caught, tls, compressFromBytes = Infinity } = this.#options
    const fell = (wall: Wall, socket: NativeSocket, error: unknown): void => {
      caught(wall, error)
      endFaulty(socket)
    }
    const control = (socket: Native.WebSocket<UserData>, data: ArrayBuffer): void => {
      try {
        route.control(socket.getUserData().connection, data.byteLength)
      } catch (error) {
        fell('control', socket, error)
      }
    }
    const { congested, bufferedBytesMax } = route
    const watch =
      congested === undefined || loadUws().tellsDropped
        ? undefined
        : new BacklogWatch<Native.WebSocket<UserData>>(bufferedBytesMax, (socket) => {
            try {
              congested(socket.getUserData().connection)
            } catch (error) {
              fell('dropped', socket, error)
            }
          })
    if (watch !== undefined) this.#watches.push(watch)
    const behavior = (served: Served): Native.WebSocketBehavior<UserData> => ({
      maxPayloadLength: route.frameBytesMax,
      compression: compressFromBytes === Infinity ? this.#uWS.DISABLED : this.#uWS.SHARED_COMPRESSOR,
      maxBackpressure: watch === undefined ? bufferedBytesMax : bufferedBytesMax + EXCESS_BYTES_MAX,
      closeOnBackpressureLimit: watch === undefined ? 0 : 1,
      idleTimeout: route.idleTimeoutSeconds,
      sendPingsAutomatically: true,
      upgrade: (response, request, context) => {
        if (this.#options.proxyProtocol === true) endConnectionWith(response)
        answerHandshake({ response, request, context }, route, caught)
      },
      open: (socket) => {
        try {
          const connection = takeAccepted() as Connection
          own(socket.getUserData(), connection, tls === undefined ? undefined : served)
          served.sockets++
          watch?.add(socket)
          route.open(connection, socket)
        } catch (error) {
          fell('open', socket, error)
        }
      },
      message: (socket, message, binary) => {
        try {
          route.message(socket.getUserData().connection, message, binary)
        } catch (error) {
          fell('message', socket, error)
        }
      },
      ping: control,
      pong: control,
      dropped: (socket, message) => {
        try {
          route.dropped(socket.getUserData().connection, message)
        } catch (error) {
          // In the middle of a send, where nothing may be done to the socket.
          setImmediate(fell, 'dropped', socket, error)
        }
      },
      drain: (socket) => {
        try {
          route.drain(socket.getUserData().connection)
        } catch (error) {
          fell('drain', socket, error)
        }
      },
      close: (socket, code, reason) => {
        served.sockets--
        watch?.remove(socket)
        try {
          route.close(socket.getUserData().connection, endedBy(code, reason))
        } catch (error) {
          caught('close', error)
        }
      },
    })
    this.#route((served) => served.app.ws<UserData>(path, behavior(served)))
  }

  /** To every WebSocket that is subscribed to the topic; what is published in one turn of the loop leaves in one system call per socket. */
  publish(topic: string, message: Uint8Array, binary: boolean, except?: TopicMember): void {
    const compress = message.byteLength >= (this.#options.compressFromBytes ?? Infinity)
    if (except === undefined) {
      this.#served.app.publish(topic, message, binary, compress)
      for (const { app, sockets } of this.#former)
        if (sockets > 0) app.publish(topic, message, binary, compress)
    } else publishAround(except, [this.#served, ...this.#former], { topic, message, binary, compress })
    for (const watch of this.#watches) watch.published(message.byteLength)
  }

  /**
   * Reads the files of all certificates again: who connects from now on is shown what they hold, who is connected stays. A
   * connection that is just being made may be refused once. Fails where the library cannot use them, and changes nothing.
   */
  async renewCertificate(): Promise<void> {
    // The library lets only a port that was said be used again while there are connections to it.
    if (this.#options.port === 0)
      throw new ListenError(`${this.#options.setBy}: with port 0 no certificate can be renewed; say a port`)
    const fresh = serve(this.#options.tls)
    for (const route of this.#routes) route(fresh)
    serveNames(fresh, this.#options.tls?.names ?? {}, this.#routes)
    // Behind what the loop has accepted in this turn, so that next to nobody is in between.
    await new Promise((resolve) => setImmediate(resolve))
    if (!this.#wanted) return
    const former = this.#served
    this.#stop()
    this.#served = fresh
    try {
      await this.#listenAt(this.#port)
      this.#former.push(former)
    } catch (error) {
      this.#served = former
      // Where this fails too nobody listens: `listening` says so, and another renewal tries again.
      await this.#listenAt(this.#port)
      throw error
    }
  }

  /** False: it should, and could not be opened again after a renewal. */
  get listening(): boolean {
    return !this.#wanted || this.#socket !== undefined
  }

  /** Fails where the address is taken or not ours. */
  async listen(): Promise<void> {
    serveNames(this.#served, this.#options.tls?.names ?? {}, this.#routes)
    await this.#listenAt(this.#options.port)
    this.#wanted = true
  }

  #listenAt(port: number): Promise<void> {
    const { host, shared, setBy, goneMs } = this.#options
    const app = this.#served.app as unknown as { readonly listen: Listen }
    const before = openSockets()
    return new Promise((resolve, reject) => {
      app.listen(host, port, shared ? SHARED : EXCLUSIVE, (socket) => {
        if (socket === false) {
          reject(
            new ListenError(
              `cannot listen on ${host}:${port}: the address is in use or not one of this machine's; ${setBy} say where`,
            ),
          )
          return
        }
        this.#socket = socket
        this.#vanishing = endVanished(before, goneMs)
        this.#port = this.#uWS.us_socket_local_port(socket)
        resolve()
      })
    })
  }

  get port(): number {
    return this.#port
  }

  /** Once it listens: why peers that vanish are not noticed in time, or nothing. */
  get vanishing(): string | undefined {
    return this.#vanishing
  }

  /** Accepts nobody any more; who is connected stays. Idempotent. */
  stopListening(): void {
    this.#wanted = false
    this.#stop()
  }

  #stop(): void {
    if (this.#socket === undefined) return
    this.#uWS.us_listen_socket_close(this.#socket)
    this.#socket = undefined
  }

  /** Cuts every connection. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.stopListening()
    for (const { app } of [this.#served, ...this.#former]) app.close()
  }
}

function endFaulty(socket: NativeSocket): void {
  try {
    socket.end(RFC_CLOSE.internal, 'a fault of the gateway')
  } catch {
    // Closed already: that is the only thing that throws here.
  }
}

async function answered(handled: Promise<void>, exchange: HttpExchange): Promise<void> {
  try {
    await handled
  } catch (error) {
    exchange.fail(error)
  }
}
