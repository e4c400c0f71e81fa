/**
 * The public listener: which request goes where, and what each must pass first (origin, admission, token). What it has is a table
 * of routes; how a transport carries messages and what a dialect says stands with them.
 */
import { Arrivals, outdated, refusal, refusalHeaders } from './arrivals.ts'
import { LINK_PATH, LinkDoor } from './link-door.ts'
import { ClientAddress, Origins } from './origin.ts'
import type { EdgeOptions, EdgePorts, Refuse } from './ports.ts'
import { Refused } from './refused.ts'
import { resumeOf, returnMisfit } from './request.ts'
import { isSocketRoute, listed, type Route, type SocketRoute } from './route.ts'
import { jitter } from '../clock.ts'
import type { Hello } from '../dialect/dialect.ts'
import { bearer, cookie } from '../dialect/request.ts'
import { handshakeFault } from '../drivers/request-head.ts'
import type { HttpExchange, Listener, RequestHead, ResponseHeaders, Upgrade } from '../drivers/uws.ts'
import { asSluiceError, Closing, closingOf, errorBody, retryAfter, SluiceError } from '../errors.ts'
import { CHANNEL_LENGTH_MAX, CHANNEL_RULE, INBOX, isChannel } from '../protocol/channel.ts'
import { departureIn, tagOf, type Departure } from '../protocol/cursor.ts'
import type { From } from '../protocol/position.ts'
import { ticketIn } from '../protocol/ticket.ts'
import type { Identity } from '../session/ports.ts'
import { Links } from '../transport/links.ts'
import { Newcomers } from '../transport/newcomers.ts'
import type { HttpConnection, HttpTransport } from '../transport/transport.ts'
import { WebSocketConnection, type Arrived, type WebSocketContext } from '../transport/websocket.ts'

/**
 * uWebSockets.js cuts the connection above its limit (1006); up to there we can say 1009. It collects as much of a frame
 * before anybody may look at it, from strangers as well, so it is a little more than `limits.frame` and not a lot.
 */
const FRAME_BYTES_OVER = 16_384
const TOKEN_MISSING = 'a token is missing'
const METHODS = 'GET, HEAD, OPTIONS'
const API = 'publish on the other one (api.port)'
const PREFLIGHT_MAX_AGE_S = '600'
/** A stream that is sent on is served by nobody: it comes again at once, a few times at most, and not in step with others. */
const SENT_ON_MAX_MS = 100

/** States of a node in which somebody else takes its clients. */
const LEAVING: ReadonlySet<string> = new Set(['draining', 'closing'])
/** A user who has as many connections as he may: it takes until one of them ends. */
const NOT_ADMITTED_MIN_MS = 5000
const NOT_ADMITTED_MAX_MS = 15_000

/** What is served beside the protocol, such as the page of a `dev` node; answers whether the request was its own. */
export type ExtraRoutes = (exchange: HttpExchange) => boolean | Promise<boolean>

/** What a stream or a poll asks for. */
interface Wanted {
  readonly channels: ReadonlyMap<string, From | undefined>
  readonly departure: Departure | undefined
}

/** A request of a stream or a poll, and what serves it. */
interface Asking {
  readonly exchange: HttpExchange
  readonly transport: HttpTransport
}

export class Gateway {
  readonly #ports: EdgePorts
  readonly #options: EdgeOptions
  readonly #origins: Origins
  readonly #addresses: ClientAddress
  readonly #arrivals: Arrivals
  /** Of all dialects together: what they may hold is of one node. */
  readonly #newcomers: Newcomers<WebSocketConnection>
  readonly #links: LinkDoor
  readonly #sockets: readonly SocketRoute[]
  /** By path. */
  readonly #http = new Map<string, HttpTransport>()
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
    // What is spoken over HTTP is what the first of them speaks.
    const [spoken] = this.#sockets
    if (spoken === undefined) throw new TypeError('a gateway has a WebSocket')
    const { dialect, path } = spoken
    const links = new Links(ports.links, { ports, options, dialect, path }, this.#newcomers)
    ports.links.holds(links)
    this.#links = new LinkDoor({
      links,
      frameBytesMax: options.frameBytesMax,
      cors: (origin) => this.#origins.headers(origin),
      admit: (exchange, admitted) => this.#admitLink(exchange, spoken, admitted),
    })
    for (const route of routes) {
      if (isSocketRoute(route)) continue
      const { path, transport: Transport, dialect } = route
      this.#http.set(path, new Transport({ ports, options, dialect, path }))
    }
    this.#endpoints = `this listener has ${listed([...routes.map((route) => route.path), LINK_PATH])}; ${API}`
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
      bodyBytesMax: (head) => this.#links.bodyBytesMax(head),
      handle: (exchange) => this.#handle(exchange),
      failed: (exchange, error) => this.#failed(exchange, error),
    })
  }

  #upgrade(head: RequestHead, upgrade: Upgrade<WebSocketConnection>, context: WebSocketContext): void {
    const refuse = (status: number, reason: 'origin' | 'subprotocol', error: SluiceError): void => {
      this.#ports.metrics.refused(reason)
      this.#refuseUpgrade(upgrade, context, error, status, { 'content-type': 'application/json' })
    }
    try {
      this.#options.localHosts?.checkHost(head)
    } catch (error) {
      refuse(403, 'origin', asSluiceError(error))
      return
    }
    if (!this.#origins.allows(head.headers.origin)) {
      refuse(403, 'origin', new SluiceError('forbidden', 'this origin is not in allowedOrigins'))
      return
    }
    let hello: Hello
    try {
      hello = context.dialect.hello(head)
    } catch (error) {
      refuse(400, 'subprotocol', asSluiceError(error))
      return
    }
    // A browser cannot read the answer to a refused handshake, so a bad token is told by a close code instead.
    this.#arrivals.take({
      ...{ head, hello, dialect: context.dialect },
      onAborted: (run) => upgrade.onAborted(run),
      admitted: (arrived) => upgrade.accept(new WebSocketConnection(arrived, context), hello.subprotocol),
      refused: (status, headers, error) => this.#refuseUpgrade(upgrade, context, error, status, headers),
    })
  }

  #admitLink(exchange: HttpExchange, { dialect }: SocketRoute, admitted: (arrived: Arrived) => void): void {
    const { head } = exchange
    this.#arrivals.take({
      ...{ head, hello: dialect.hello(head), dialect, admitted },
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
    context: WebSocketContext,
    error: SluiceError,
    status: number,
    headers: ResponseHeaders,
  ): void {
    if (context.dialect.refuses === 'close') {
      const closing = error.code === 'rate_limited' ? rateLimited(error) : closingOf(error)
      upgrade.accept(
        new WebSocketConnection({ conversation: new Refused(closing), address: '' }, context),
        '',
      )
    } else upgrade.refuse(status, headers, errorBody(error.code, error.message))
  }

  #handle(exchange: HttpExchange): void | Promise<void> {
    const { head } = exchange
    this.#options.localHosts?.checkHost(head)
    const transport = this.#http.get(head.path)
    const isSocket = transport === undefined && this.#sockets.some(({ path }) => path === head.path)
    const isLink = head.path === LINK_PATH
    if (transport === undefined && !isSocket && !isLink) {
      if (!head.path.startsWith('/v1/')) return this.#serveExtra(exchange)
      throw new SluiceError('not_found', `there is nothing at ${head.path}; ${this.#endpoints}`)
    }
    if (!this.#origins.allows(head.headers.origin)) {
      this.#ports.metrics.refused('origin')
      throw new SluiceError('forbidden', 'this origin is not in allowedOrigins')
    }
    if (isLink) return this.#links.handle(exchange)
    if (head.method === 'OPTIONS') {
      exchange.respond(204, {
        ...this.#origins.headers(head.headers.origin),
        allow: METHODS,
        'access-control-allow-methods': 'GET',
        'access-control-allow-headers': 'Authorization, Last-Event-ID, X-Request-Id',
        'access-control-max-age': PREFLIGHT_MAX_AGE_S,
      })
      return undefined
    }
    if (head.method !== 'GET' && head.method !== 'HEAD') {
      exchange.respond(
        405,
        { 'content-type': 'application/json', allow: METHODS, ...this.#origins.headers(head.headers.origin) },
        errorBody('bad_request', `${head.path} takes ${METHODS}, not ${head.method}`),
      )
      return undefined
    }
    if (transport === undefined) {
      const lacks = handshakeFault(head)?.message ?? 'the handshake is a GET'
      throw new SluiceError('bad_request', `this endpoint speaks WebSocket: ${lacks}`)
    }
    const asking = { exchange, transport }
    if (head.method === 'HEAD') return this.#admitted(asking, () => this.#headOf(asking))
    if (this.#sendsOn(asking)) return undefined
    return this.#admitted(asking, () => this.#serve(asking))
  }

  /** Where a stream that had to leave a node comes to one that will be drained next: it shall move only once. */
  #sendsOn({ exchange, transport }: Asking): boolean {
    const { head } = exchange
    const departure = transport.isBlind(head) ? departureIn(transport.cursorOf(head) ?? '') : undefined
    if (departure === undefined || !this.#ports.redirects(departure.turns, false)) return false
    this.#ports.metrics.refused('outdated')
    const retryAfterMs = jitter(this.#ports.clock, 0, SENT_ON_MAX_MS)
    const away = { retryAfterMs, leaving: false, error: outdated(), cursor: departure.again }
    return transport.turnAway(exchange, away, this.#origins.headers(head.headers.origin))
  }

  async #serveExtra(exchange: HttpExchange): Promise<void> {
    if (await this.#extra(exchange)) return
    throw new SluiceError('not_found', `there is nothing at ${exchange.head.path}; ${this.#endpoints}`)
  }

  #admitted(asking: Asking, run: () => Promise<void>): void {
    const { exchange, transport } = asking
    const { head } = exchange
    const { admission } = this.#ports
    const address = this.#addresses.of(head)
    // Before it takes the place of somebody who has a token.
    if (this.#tokenOf(head) === undefined) {
      admission.charge(address, 'token')
      throw new SluiceError('unauthorized', TOKEN_MISSING)
    }
    const resume = admission.knows(ticketIn(transport.cursorOf(head) ?? ''))
    const asked = admission.ask({ address, resume }, (verdict) => {
      if (verdict.kind === 'refuse') {
        this.#refuse(asking, verdict)
        return
      }
      run().catch((error: unknown) => {
        if (!resume && asSluiceError(error).code === 'unauthorized') admission.charge(address, 'token')
        this.#failed(exchange, error)
      })
    })
    exchange.onAborted(() => asked.cancel())
  }

  /** What a stream or a poll would be answered with, without beginning one. */
  async #headOf({ exchange, transport }: Asking): Promise<void> {
    const { head } = exchange
    await this.#request(head, transport)
    const cors = this.#origins.headers(head.headers.origin)
    exchange.respond(200, { 'content-type': transport.contentType, 'cache-control': 'no-store', ...cors })
  }

  async #serve({ exchange, transport }: Asking): Promise<void> {
    const { head } = exchange
    const open = transport.asked(head)
    const { identity, ...wanted } = await this.#request(head, transport)
    if (exchange.done) return
    const connection = open(exchange, identity.user, this.#origins.headers(head.headers.origin))
    await this.#connect(connection, identity, wanted, exchange)
    connection.begin?.()
  }

  async #connect(
    connection: HttpConnection,
    identity: Identity,
    wanted: Wanted,
    exchange: HttpExchange,
  ): Promise<void> {
    exchange.onAborted(() => connection.gone())
    try {
      await this.#ports.sessions.connect(connection, identity, {
        session: undefined,
        ...wanted,
        channelsMax: this.#options.channelsPerStreamMax,
        partial: false,
      })
    } catch (error) {
      connection.gone()
      throw error
    }
  }

  /** Who asks, and for which channels from where. Fails with the error to answer. */
  async #request(
    head: RequestHead,
    transport: HttpTransport,
  ): Promise<Wanted & { readonly identity: Identity }> {
    const query = new URLSearchParams(head.query)
    const names = namesIn(query.getAll('channels'))
    const { channelsPerStreamMax, headBytesMax } = this.#options
    // Only the cursor of what is served comes back.
    const served = Math.min(names.size, channelsPerStreamMax + 1)
    const misfit = returnMisfit(head, served, headBytesMax)
    if (served < names.size || misfit !== undefined) this.#ports.metrics.limitHit('channels_per_stream')
    if (misfit !== undefined) throw new SluiceError('limit_exceeded', misfit)
    const identity = await this.#ports.sessions.identify(this.#tokenOf(head))
    const channels = new Map<string, From | undefined>()
    const resume = resumeOf(transport.cursorOf(head), identity.user)
    for (const name of names) channels.set(name, resume?.byTag.get(tagOf(name)))
    return { identity, channels, departure: resume?.departure }
  }

  #tokenOf(head: RequestHead): string | undefined {
    const given = bearer(head) ?? new URLSearchParams(head.query).get('token')
    return given ?? cookie(head, this.#options.tokenCookie)
  }

  #refuse({ exchange, transport }: Asking, verdict: Refuse): void {
    this.#arrivals.warnOfProxy(exchange.head, verdict)
    const { retryAfterMs, reason, tooMany } = verdict
    const cors = this.#origins.headers(exchange.head.headers.origin)
    const away = { retryAfterMs, leaving: LEAVING.has(reason), error: undefined, cursor: undefined }
    if (transport.turnAway(exchange, away, cors)) return
    const { code, message } = refusal(verdict)
    const headers = { ...refusalHeaders(verdict), ...cors }
    exchange.respond(tooMany ? 429 : 503, headers, errorBody(code, message), !tooMany)
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
    const cors = this.#origins.headers(exchange.head.headers.origin)
    const told = notAdmitted ? error : undefined
    const away = { retryAfterMs, leaving: false, error: told, cursor: undefined }
    if (retryable && this.#http.get(exchange.head.path)?.turnAway(exchange, away, cors) === true) return
    const headers = {
      'content-type': 'application/json',
      ...cors,
      ...(retryable ? retryAfter(retryAfterMs) : {}),
    }
    const status = notAdmitted ? 429 : error.status
    exchange.respond(status, headers, errorBody(error.code, error.message), error.code === 'internal')
    // A stream that has begun has no place for an answer.
    if (!exchange.done) exchange.cut()
  }
}

/** The channels that a request names, and the inbox. Fails with `bad_request`. */
function namesIn(lists: readonly string[]): Set<string> {
  const names = new Set(lists.flatMap((list) => (list === '' ? [] : list.split(','))))
  names.add(INBOX)
  for (const name of names) {
    const shown = JSON.stringify(name.slice(0, CHANNEL_LENGTH_MAX))
    if (name === INBOX || isChannel(name)) continue
    throw new SluiceError('bad_request', `channels, separated by commas: ${shown} is none; ${CHANNEL_RULE}`)
  }
  return names
}

function rateLimited({ code, message }: SluiceError): Closing {
  return new Closing('rateLimited', code, message)
}
