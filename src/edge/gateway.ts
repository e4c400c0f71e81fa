/**
 * The public listener: which request goes where, and what each must pass first (origin, admission, token).
 */
import { Arrivals, outdated, refusalBody, refusalHeaders } from './arrivals.ts'
import { LINK_PATH, LinkDoor } from './link-door.ts'
import { ClientAddress, Origins } from './origin.ts'
import type { EdgeOptions, EdgePorts, Refuse } from './ports.ts'
import { bearer, cookie, cursorOf, isEventSource, listed, resumeOf, returnMisfit, waitOf } from './request.ts'
import { jitter } from '../clock.ts'
import { handshakeFault } from '../drivers/request-head.ts'
import type { HttpExchange, Listener, RequestHead, Upgrade } from '../drivers/uws.ts'
import { asSluiceError, Closing, errorBody, retryAfter, SluiceError } from '../errors.ts'
import { CHANNEL_LENGTH_MAX, CHANNEL_RULE, INBOX, isChannel } from '../protocol/channel.ts'
import { CLOSE } from '../protocol/codes.ts'
import { departureIn, tagOf, type Departure } from '../protocol/cursor.ts'
import { ticketIn } from '../protocol/ticket.ts'
import { SUBPROTOCOL, type From } from '../protocol/frames.ts'
import type { Identity } from '../session/ports.ts'
import { WebSocketConnection, type Handshake, type WebSocketContext } from '../transport/websocket.ts'
import { closingEvent, SseFanout, STREAM_HEADERS } from '../transport/sse-fanout.ts'
import { SseConnection, type SseContext } from '../transport/sse.ts'
import { PollConnection } from '../transport/poll.ts'
import { Newcomers } from '../transport/newcomers.ts'
import { Links } from '../transport/links.ts'

/**
 * uWebSockets.js cuts the connection above its limit (1006); up to there we can say 1009. It collects as much of a frame
 * before anybody may look at it, from strangers as well, so it is a little more than `limits.frame` and not a lot.
 */
const FRAME_BYTES_OVER = 16_384
const TOKEN_MISSING = 'a token is missing'
const ENDPOINT_PATHS: ReadonlySet<string> = new Set(['/v1/ws', '/v1/sse', '/v1/poll', LINK_PATH])
const METHODS = 'GET, HEAD, OPTIONS'
const ENDPOINTS =
  'this listener has /v1/ws, /v1/sse, /v1/poll and /v1/link; publish on the other one (api.port)'
const PREFLIGHT_MAX_AGE_S = '600'
/** A stream that is sent on is served by nobody: it comes again at once, a few times at most, and not in step with others. */
const SENT_ON_MAX_MS = 100
/** A poll that comes to a node that leaves may come again as often as its balancer sends it there. */
const ELSEWHERE_MIN_MS = 50
const ELSEWHERE_MAX_MS = 300

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

export class Gateway {
  readonly #ports: EdgePorts
  readonly #options: EdgeOptions
  readonly #origins: Origins
  readonly #addresses: ClientAddress
  readonly #arrivals: Arrivals
  readonly #newcomers: Newcomers<WebSocketConnection>
  readonly #links: LinkDoor
  readonly #sse: SseContext
  readonly #extra: ExtraRoutes

  constructor(ports: EdgePorts, options: EdgeOptions, extra: ExtraRoutes) {
    this.#ports = ports
    this.#options = options
    this.#origins = new Origins(options.allowedOrigins, options.localHosts)
    this.#addresses = new ClientAddress(options.trustedProxies, options.proxyProtocol)
    this.#arrivals = new Arrivals(ports, this.#addresses)
    this.#newcomers = new Newcomers(options.frameBytesMax + FRAME_BYTES_OVER)
    const links = new Links(ports.links, { ports, options }, this.#newcomers)
    ports.links.holds(links)
    this.#links = new LinkDoor({
      links,
      frameBytesMax: options.frameBytesMax,
      cors: (origin) => this.#origins.headers(origin),
      admit: (exchange, admitted) => this.#admitLink(exchange, admitted),
    })
    this.#sse = {
      ports,
      options,
      fanout: new SseFanout((bytes) => ports.metrics.bytesOut('sse', bytes), ports.caught),
    }
    this.#extra = extra
  }

  attach(listener: Listener): void {
    const frameBytesMax = this.#options.frameBytesMax + FRAME_BYTES_OVER
    const context = { ports: this.#ports, options: this.#options, newcomers: this.#newcomers }
    listener.webSocket<WebSocketConnection>('/v1/ws', {
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
    listener.http({
      bodyBytesMax: (head) => this.#links.bodyBytesMax(head),
      handle: (exchange) => this.#handle(exchange),
      failed: (exchange, error) => this.#failed(exchange, error),
    })
  }

  #upgrade(head: RequestHead, upgrade: Upgrade<WebSocketConnection>, context: WebSocketContext): void {
    const { origin } = head.headers
    try {
      this.#options.localHosts?.checkHost(head)
    } catch (error) {
      this.#refuseUpgrade(upgrade, 403, 'origin', asSluiceError(error))
      return
    }
    if (!this.#origins.allows(origin)) {
      this.#refuseUpgrade(
        upgrade,
        403,
        'origin',
        new SluiceError('forbidden', 'this origin is not in allowedOrigins'),
      )
      return
    }
    const offered = head.headers['sec-websocket-protocol']
    if (offered !== undefined && !listed(offered).includes(SUBPROTOCOL)) {
      const error = new SluiceError('bad_request', `the subprotocols offered do not include ${SUBPROTOCOL}`)
      this.#refuseUpgrade(upgrade, 400, 'subprotocol', error)
      return
    }
    // A browser cannot read the answer to a refused handshake, so a bad token is told by a close code instead.
    this.#arrivals.take({
      head,
      onAborted: (run) => upgrade.onAborted(run),
      admitted: (handshake) =>
        upgrade.accept(new WebSocketConnection(handshake, context), offered === undefined ? '' : SUBPROTOCOL),
      refused: (status, headers, body) => upgrade.refuse(status, headers, body),
    })
  }

  #refuseUpgrade(
    upgrade: Upgrade<WebSocketConnection>,
    status: number,
    reason: 'origin' | 'subprotocol',
    error: SluiceError,
  ): void {
    this.#ports.metrics.refused(reason)
    upgrade.refuse(status, { 'content-type': 'application/json' }, errorBody(error.code, error.message))
  }

  #handle(exchange: HttpExchange): void | Promise<void> {
    const { head } = exchange
    this.#options.localHosts?.checkHost(head)
    if (!head.path.startsWith('/v1/')) return this.#serveExtra(exchange)
    if (!ENDPOINT_PATHS.has(head.path))
      throw new SluiceError('not_found', `there is nothing at ${head.path}; ${ENDPOINTS}`)
    if (!this.#origins.allows(head.headers.origin)) {
      this.#ports.metrics.refused('origin')
      throw new SluiceError('forbidden', 'this origin is not in allowedOrigins')
    }
    if (head.path === LINK_PATH) return this.#links.handle(exchange)
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
    if (head.path === '/v1/ws') {
      const lacks = handshakeFault(head)?.message ?? 'the handshake is a GET'
      throw new SluiceError('bad_request', `this endpoint speaks WebSocket: ${lacks}`)
    }
    if (head.method === 'HEAD') return this.#admitted(exchange, () => this.#headOf(exchange))
    if (this.#sendsOn(exchange)) return undefined
    return this.#admitted(exchange, () =>
      head.path === '/v1/sse' ? this.#stream(exchange) : this.#poll(exchange),
    )
  }

  #admitLink(exchange: HttpExchange, admitted: (handshake: Handshake) => void): void {
    this.#arrivals.take({
      head: exchange.head,
      onAborted: (run) => exchange.onAborted(run),
      admitted,
      refused: (status, headers, body) =>
        exchange.respond(
          status,
          { ...headers, ...this.#origins.headers(exchange.head.headers.origin) },
          body,
        ),
    })
  }

  /** Where a stream that had to leave a node comes to one that will be drained next: it shall move only once. */
  #sendsOn(exchange: HttpExchange): boolean {
    const { head } = exchange
    const departure = isEventSource(head) ? departureIn(cursorOf(head) ?? '') : undefined
    if (departure === undefined || !this.#ports.turnsAway(departure.turns, false)) return false
    this.#ports.metrics.refused('outdated')
    // The id counts: it is what the browser sends next time.
    const event = `${closingEvent(outdated())}id: ${departure.again}\n`
    this.#comeBack(exchange, jitter(this.#ports.clock, 0, SENT_ON_MAX_MS), event)
    return true
  }

  async #serveExtra(exchange: HttpExchange): Promise<void> {
    if (await this.#extra(exchange)) return
    throw new SluiceError('not_found', `there is nothing at ${exchange.head.path}; ${ENDPOINTS}`)
  }

  #admitted(exchange: HttpExchange, run: () => Promise<void>): void {
    const { head } = exchange
    const { admission } = this.#ports
    const address = this.#addresses.of(head)
    // Before it takes the place of somebody who has a token.
    if (this.#tokenOf(head) === undefined) {
      admission.charge(address, 'token')
      throw new SluiceError('unauthorized', TOKEN_MISSING)
    }
    const resume = admission.knows(ticketIn(cursorOf(head) ?? ''))
    const asked = admission.ask({ address, resume }, (verdict) => {
      if (verdict.kind === 'refuse') {
        this.#refuse(exchange, verdict)
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
  async #headOf(exchange: HttpExchange): Promise<void> {
    const { head } = exchange
    await this.#request(head)
    const type = head.path === '/v1/sse' ? 'text/event-stream' : 'application/json'
    const cors = this.#origins.headers(head.headers.origin)
    exchange.respond(200, { 'content-type': type, 'cache-control': 'no-store', ...cors })
  }

  async #stream(exchange: HttpExchange): Promise<void> {
    const { head } = exchange
    const { identity, ...wanted } = await this.#request(head)
    if (exchange.done) return
    const connection = new SseConnection(
      exchange,
      identity.user,
      this.#origins.headers(head.headers.origin),
      this.#sse,
    )
    await this.#connect(connection, identity, wanted, exchange)
  }

  async #poll(exchange: HttpExchange): Promise<void> {
    const { head } = exchange
    const waitMs = waitOf(new URLSearchParams(head.query).get('wait'))
    const { identity, ...wanted } = await this.#request(head)
    if (exchange.done) return
    const headers = this.#origins.headers(head.headers.origin)
    const connection = new PollConnection({ exchange, user: identity.user, waitMs, headers }, this.#sse)
    await this.#connect(connection, identity, wanted, exchange)
    connection.wait()
  }

  async #connect(
    connection: SseConnection | PollConnection,
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
  async #request(head: RequestHead): Promise<Wanted & { readonly identity: Identity }> {
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
    const resume = resumeOf(cursorOf(head), identity.user)
    for (const name of names) channels.set(name, resume?.byTag.get(tagOf(name)))
    return { identity, channels, departure: resume?.departure }
  }

  #tokenOf(head: RequestHead): string | undefined {
    const given = bearer(head) ?? new URLSearchParams(head.query).get('token')
    return given ?? cookie(head, this.#options.tokenCookie)
  }

  #refuse(exchange: HttpExchange, verdict: Refuse): void {
    this.#arrivals.warnOfProxy(exchange.head, verdict)
    if (isEventSource(exchange.head)) this.#comeBack(exchange, verdict.retryAfterMs)
    else if (exchange.head.path === '/v1/poll' && LEAVING.has(verdict.reason) && cursorOf(exchange.head)) {
      this.#pollElsewhere(exchange)
    } else {
      const headers = { ...refusalHeaders(verdict), ...this.#origins.headers(exchange.head.headers.origin) }
      exchange.respond(verdict.tooMany ? 429 : 503, headers, refusalBody(verdict), !verdict.tooMany)
    }
  }

  /**
   * A poll over a connection that a balancer, or the client, has kept to a node that leaves: nothing new, the cursor that it
   * came with, and the end of the connection. A refusal would cost it a pause.
   */
  #pollElsewhere(exchange: HttpExchange): void {
    const cursor = JSON.stringify(cursorOf(exchange.head))
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
    const cors = this.#origins.headers(exchange.head.headers.origin)
    // Not at once, or a balancer that has not noticed yet would be asked without a pause.
    const body = `{"messages":[],"resets":[],"cursor":${cursor}}`
    const afterMs = jitter(this.#ports.clock, ELSEWHERE_MIN_MS, ELSEWHERE_MAX_MS)
    const answer = this.#ports.clock.after(afterMs, () =>
      exchange.respond(200, { ...headers, ...cors }, body, true),
    )
    exchange.onAborted(() => answer.cancel())
  }

  #failed(exchange: HttpExchange, thrown: unknown): void {
    const error = asSluiceError(thrown)
    const { clock, caught, metrics } = this.#ports
    const about = { what: 'a request of a client', requestId: exchange.requestId }
    if (error.code === 'internal') caught('request', thrown, about)
    else metrics.protocolError(error.code)
    const { retryMinMs, retryMaxMs } = this.#options
    // One connection too many of a user may be let in later, as a WebSocket that is closed with 4503.
    const notAdmitted = thrown instanceof Closing && thrown.closeCode === CLOSE.notAdmitted
    const retryAfterMs = notAdmitted
      ? jitter(clock, NOT_ADMITTED_MIN_MS, NOT_ADMITTED_MAX_MS)
      : (error.retryAfterMs ?? jitter(clock, retryMinMs, retryMaxMs))
    const retryable = error.retryable || notAdmitted
    if (retryable && isEventSource(exchange.head)) {
      this.#comeBack(exchange, retryAfterMs, notAdmitted ? closingEvent(error) : '')
      return
    }
    const headers = {
      'content-type': 'application/json',
      ...this.#origins.headers(exchange.head.headers.origin),
      ...(retryable ? retryAfter(retryAfterMs) : {}),
    }
    const status = notAdmitted ? 429 : error.status
    exchange.respond(status, headers, errorBody(error.code, error.message), error.code === 'internal')
    // A stream that has begun has no place for an answer.
    if (!exchange.done) exchange.cut()
  }

  /** An `EventSource` gives up for good on any status but 200; an empty stream with `retry:` makes it come back (HTML, section 9.2.3). */
  #comeBack(exchange: HttpExchange, retryMs: number, event = ''): void {
    const cors = this.#origins.headers(exchange.head.headers.origin)
    exchange.respond(200, { ...STREAM_HEADERS, ...cors }, `retry: ${Math.round(retryMs)}\n${event}\n`, true)
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
