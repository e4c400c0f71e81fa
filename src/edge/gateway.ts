/**
 * The public listener: which request goes where, and what each must pass first (origin, admission, token). What it has is a table
 * of routes; how a transport carries messages and what a dialect says stands with them.
 */
import { Arrivals } from './arrivals.ts'
import { EmulationDoor, type EmulatedArrival } from './emulation-door.ts'
import { answersMethod, HttpDoor } from './http-door.ts'
import { NOSNIFF } from './methods.ts'
import { LinkDoor } from './link-door.ts'
import { ClientAddress, Origins } from './origin.ts'
import { ReadDoor } from './read-door.ts'
import type { EdgeOptions, EdgePorts } from './ports.ts'
import { Refused } from './refused.ts'
import {
  isEmulationRoute,
  isHttpRoute,
  isLinkRoute,
  isReadRoute,
  isSocketRoute,
  listed,
  type EmulationRoute,
  type LinkRoute,
  type Route,
  type SocketRoute,
} from './route.ts'
import { jitter } from '../clock.ts'
import type { Hello } from '../dialect/dialect.ts'
import { handshakeFault } from '../drivers/request-head.ts'
import type { HttpExchange, Listener, RequestHead, ResponseHeaders, Upgrade } from '../drivers/uws.ts'
import { asSluiceError, Closing, closingOf, errorBody, retryAfter, SluiceError } from '../errors.ts'
import type { Links } from '../transport/links.ts'
import { Newcomers } from '../transport/newcomers.ts'
import { WebSocketConnection } from '../transport/websocket.ts'
import type { Arrived, WebSocketContext } from '../transport/websocket-context.ts'

/**
 * uWebSockets.js cuts the connection above its limit (1006); up to there we can say 1009. It collects as much of a frame
 * before anybody may look at it, from strangers as well, so it is a little more than `limits.frame` and not a lot.
 */
const FRAME_BYTES_OVER = 16_384
const API = 'publish on the other one (api.port)'

/** A user who has as many connections as he may: it takes until one of them ends. */
const NOT_ADMITTED_MIN_MS = 5000
const NOT_ADMITTED_MAX_MS = 15_000

/** What is served beside the protocol, such as the page of a `dev` node; answers whether the request was its own. */
export type ExtraRoutes = (exchange: HttpExchange) => boolean | Promise<boolean>

export class Gateway {
  readonly #ports: EdgePorts
  readonly #options: EdgeOptions
  readonly #origins: Origins
  readonly #addresses: ClientAddress
  readonly #arrivals: Arrivals
  /** Of all dialects together: what they may hold is of one node. */
  readonly #newcomers: Newcomers
  readonly #sockets: readonly SocketRoute[]
  /** By path. */
  readonly #links: ReadonlyMap<string, LinkDoor>
  readonly #emulations: ReadonlyMap<string, EmulationDoor>
  readonly #http: HttpDoor
  readonly #reads: readonly ReadDoor[]
  readonly #extra: ExtraRoutes
  /** For whoever asks for something else. */
  readonly #endpoints: string

  constructor(ports: EdgePorts, options: EdgeOptions, routes: readonly Route[], extra: ExtraRoutes) {
    this.#ports = ports
    this.#options = options
    this.#origins = new Origins(options.allowedOrigins, options.localHosts)
    this.#addresses = new ClientAddress(options.trustedProxies, options.proxyProtocol)
    this.#extra = extra
    this.#arrivals = new Arrivals(ports, this.#addresses)
    this.#newcomers = new Newcomers(options.frameBytesMax + FRAME_BYTES_OVER)
    this.#sockets = routes.filter(isSocketRoute)
    const linkRoutes = routes.filter(isLinkRoute).map((route) => ({ route, links: this.#linksOf(route) }))
    this.#links = new Map(linkRoutes.map(({ route, links }) => [route.path, this.#linkDoor(route, links)]))
    // They are links too, and other nodes ask for them as such.
    const shared = linkRoutes[0]?.links
    this.#emulations = new Map(
      routes.filter(isEmulationRoute).map((route) => [route.path, this.#emulationDoor(route, shared)]),
    )
    const doorway = {
      ...{ origins: this.#origins, addresses: this.#addresses, arrivals: this.#arrivals },
      failed: (exchange: HttpExchange, error: unknown) => this.#failed(exchange, error),
    }
    this.#http = new HttpDoor(ports, options, doorway, routes.filter(isHttpRoute))
    this.#reads = routes.filter(isReadRoute).map((route) => new ReadDoor(ports, options, doorway, route))
    this.#endpoints = `this listener has ${listed(routes.map((route) => route.path))}; ${API}`
  }

  attach(listener: Listener): void {
    const frameBytesMax = this.#options.frameBytesMax + FRAME_BYTES_OVER
    const newcomers = this.#newcomers
    for (const { path, dialect } of this.#sockets) {
      const context = { ports: this.#ports, options: this.#options, newcomers, dialect, path }
      listener.webSocket<WebSocketConnection>(path, {
        frameBytesMax,
        bufferedBytesMax: this.#options.bufferedBytesMax,
        idleTimeoutSeconds: Math.round(this.#options.idleTimeoutMs / 1000),
        upgrade: (head, upgrade) => this.#upgrade(head, upgrade, context),
        open: (connection, socket) => connection.opened(socket),
        message: (connection, message, binary) => connection.received(message, binary),
        dropped: (connection, message) => connection.dropped(message),
        congested: (connection) => connection.congested(),
        drain: (connection) => connection.drained(),
        control: (connection, bytes) => connection.controlled(bytes),
        close: (connection, code) => connection.gone(code),
      })
    }
    listener.http({
      bodyBytesMax: (head) =>
        (this.#links.get(head.path) ?? this.#emulations.get(head.path))?.bodyBytesMax(head) ?? 0,
      handle: (exchange) => this.#handle(exchange),
      failed: (exchange, error) => this.#failed(exchange, error),
    })
  }

  #upgrade(head: RequestHead, upgrade: Upgrade<WebSocketConnection>, context: WebSocketContext): void {
    const hello = this.#helloOf(head, upgrade, context)
    if (hello === undefined) return
    // A browser cannot read the answer to a refused handshake, so a bad token is told by a close code instead.
    this.#arrivals.take({
      head,
      hello,
      dialect: context.dialect,
      onAborted: (run) => upgrade.onAborted(run),
      admitted: (arrived) => upgrade.accept(new WebSocketConnection(arrived, context), hello.subprotocol),
      refused: (status, headers, error) =>
        this.#refuseUpgrade(upgrade, { ...context, hello }, error, status, headers),
    })
  }

  /** `undefined`: it was refused. */
  #helloOf(
    head: RequestHead,
    upgrade: Upgrade<WebSocketConnection>,
    context: WebSocketContext,
  ): Hello | undefined {
    let reason: 'origin' | 'subprotocol' = 'origin'
    try {
      this.#options.localHosts?.checkHost(head)
      if (!this.#origins.allows(head.headers.origin))
        throw new SluiceError('forbidden', 'this origin is not in allowedOrigins')
      reason = 'subprotocol'
      return context.dialect.hello(head)
    } catch (thrown) {
      this.#ports.metrics.refused(reason)
      const error = thrown instanceof Closing ? thrown : asSluiceError(thrown)
      const status = reason === 'origin' ? 403 : 400
      this.#refuseUpgrade(upgrade, context, error, status, { 'content-type': 'application/json' })
      return undefined
    }
  }

  #linksOf({ transport: Links, dialect, socketPath }: LinkRoute): Links {
    const context = { ports: this.#ports, options: this.#options, dialect, path: socketPath }
    const links = new Links(this.#ports.links, context, this.#newcomers)
    this.#ports.links.holds(links)
    return links
  }

  #linkDoor({ path, dialect }: LinkRoute, links: Links): LinkDoor {
    return new LinkDoor({
      ...{ path, links },
      frameBytesMax: this.#options.frameBytesMax,
      cors: (origin) => this.#origins.headers(origin),
      admit: (exchange, admitted) =>
        this.#admitLink(exchange, { hello: dialect.hello(exchange.head), dialect }, admitted),
    })
  }

  #emulationDoor({ path, emulation }: EmulationRoute, links: Links | undefined): EmulationDoor {
    if (links === undefined) throw new TypeError('requests in the place of a socket need a route of links')
    return new EmulationDoor(path, emulation, {
      links,
      newcomers: this.#newcomers,
      bodyBytesMax: this.#options.frameBytesMax + FRAME_BYTES_OVER,
      cors: (origin) => this.#origins.headers(origin),
      admit: (exchange, arriving, admitted) => this.#admitLink(exchange, arriving, admitted),
    })
  }

  #admitLink(exchange: HttpExchange, arriving: EmulatedArrival, admitted: (arrived: Arrived) => void): void {
    const { head } = exchange
    this.#arrivals.take({
      ...{ ...arriving, head, admitted },
      onAborted: (run) => exchange.onAborted(run),
      refused: (status, headers, { code, message }) => {
        const cors = this.#origins.headers(head.headers.origin)
        exchange.respond(status, { ...headers, ...cors }, errorBody(code, message))
      },
    })
  }

  /** A dialect whose clients would make nothing of a status closes with a code of its own. */
  #refuseUpgrade(
    upgrade: Upgrade<WebSocketConnection>,
    { hello, ...context }: WebSocketContext & { readonly hello?: Hello },
    error: SluiceError | Closing,
    status: number,
    headers: ResponseHeaders,
  ): void {
    const { refuses } = context.dialect
    if (refuses !== 'handshake') {
      const refused = refusedBy(error)
      const closing = hello === undefined ? refused : refuses(refused, hello)
      upgrade.accept(
        new WebSocketConnection({ conversation: new Refused(closing), address: '' }, context),
        '',
      )
    } else upgrade.refuse(status, headers, errorBody(error.code, error.message))
  }

  #handle(exchange: HttpExchange): void | Promise<void> {
    const { head } = exchange
    this.#options.localHosts?.checkHost(head)
    const link = this.#links.get(head.path) ?? this.#emulations.get(head.path)
    const isSocket = this.#sockets.some(({ path }) => path === head.path)
    const read = this.#reads.find((door) => door.has(head.path))
    if (link === undefined && read === undefined && !isSocket && !this.#http.has(head.path)) {
      if (!head.path.startsWith('/v1/')) return this.#serveExtra(exchange)
      throw new SluiceError('not_found', `there is nothing at ${head.path}; ${this.#endpoints}`)
    }
    if (!this.#origins.allows(head.headers.origin)) {
      this.#ports.metrics.refused('origin')
      throw new SluiceError('forbidden', 'this origin is not in allowedOrigins')
    }
    if (link !== undefined) return link.handle(exchange)
    if (read !== undefined) return read.handle(exchange)
    if (isSocket) return this.#answerNoHandshake(exchange)
    return this.#http.handle(exchange)
  }

  /** At the path of a WebSocket, but no handshake. */
  #answerNoHandshake(exchange: HttpExchange): void {
    const { head } = exchange
    if (answersMethod(exchange, this.#origins.headers(head.headers.origin))) return
    const lacks = handshakeFault(head)?.message ?? 'the handshake is a GET'
    throw new SluiceError('bad_request', `this endpoint speaks WebSocket: ${lacks}`)
  }

  async #serveExtra(exchange: HttpExchange): Promise<void> {
    if (await this.#extra(exchange)) return
    throw new SluiceError('not_found', `there is nothing at ${exchange.head.path}; ${this.#endpoints}`)
  }

  #failed(exchange: HttpExchange, thrown: unknown): void {
    const error = asSluiceError(thrown)
    const { clock, caught, metrics } = this.#ports
    const about = { what: 'a request of a client', requestId: exchange.requestId }
    if (error.code === 'internal') caught('request', thrown, about)
    else metrics.protocolError(error.code)
    const { retryMinMs, retryMaxMs } = this.#options
    // One connection too many of a user may be let in later, as a WebSocket that is closed with 4503.
    const notAdmitted = thrown instanceof Closing && thrown.why === 'notAdmitted'
    const retryAfterMs = notAdmitted
      ? jitter(clock, NOT_ADMITTED_MIN_MS, NOT_ADMITTED_MAX_MS)
      : (error.retryAfterMs ?? jitter(clock, retryMinMs, retryMaxMs))
    const retryable = error.retryable || notAdmitted
    const told = notAdmitted ? error : undefined
    const away = { retryAfterMs, leaving: false, error: told, cursor: undefined }
    if (retryable && this.#http.turnAway(exchange, away)) return
    const headers = {
      'content-type': 'application/json',
      ...NOSNIFF,
      ...this.#origins.headers(exchange.head.headers.origin),
      ...(retryable ? retryAfter(retryAfterMs) : {}),
    }
    const status = notAdmitted ? 429 : error.status
    exchange.respond(status, headers, errorBody(error.code, error.message), error.code === 'internal')
    // A stream that has begun has no place for an answer.
    if (!exchange.done) exchange.cut()
  }
}

function refusedBy(error: SluiceError | Closing): Closing {
  const { code, message } = error
  const isTooMany = error instanceof SluiceError && code === 'rate_limited'
  return isTooMany ? new Closing('rateLimited', code, message) : closingOf(error)
}
