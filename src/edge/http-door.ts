/**
 * The door of streams and polls on the public listener: what a request must pass, what it asks for, and how it is sent away.
 */
import { outdated, refusal, refusalHeaders, type Arrivals } from './arrivals.ts'
import type { ClientAddress, Origins } from './origin.ts'
import { answerPreflight, refuseMethod, type Allowed } from './methods.ts'
import type { EdgeOptions, EdgePorts, Refuse } from './ports.ts'
import { channelsThatFit, resumeOf, returnMisfit } from './request.ts'
import type { HttpRoute } from './route.ts'
import { jitter } from '../clock.ts'
import { SENT_ON_MAX_MS } from '../cluster/steering.ts'
import { bearer, cookie } from '../dialect/request.ts'
import type { HttpExchange, RequestHead, ResponseHeaders } from '../drivers/uws.ts'
import { asSluiceError, errorBody, SluiceError } from '../errors.ts'
import { CHANNEL_LENGTH_MAX, CHANNEL_RULE, INBOX, isChannel } from '../protocol/channel.ts'
import { departureIn, tagOf, type Departure } from '../protocol/cursor.ts'
import type { From } from '../protocol/position.ts'
import { ticketIn } from '../protocol/ticket.ts'
import type { Identity } from '../session/ports.ts'
import type { HttpConnection, HttpTransport, TurnedAway } from '../transport/transport.ts'

const TOKEN_MISSING = 'a token is missing'
const ALLOWED: Allowed = {
  all: 'GET, HEAD, OPTIONS',
  methods: 'GET',
  headers: 'Authorization, Last-Event-ID, X-Request-Id',
}
/** So many times longer than after a cut: a page whose user is logged out asks for as long as it is open. */
const RENEWAL = 4
/** States of a node in which somebody else takes its clients. */
const LEAVING: ReadonlySet<string> = new Set(['draining', 'closing'])

/** What a stream or a poll asks for. */
interface Wanted {
  readonly channels: ReadonlyMap<string, From | undefined>
  readonly placeOf: (name: string) => From | undefined
  /** Beside the inbox, with those that a backend has put the user on: so many fit into the cursor with which the client comes back. */
  readonly channelsMax: number
  readonly departure: Departure | undefined
}

/** A request of a stream or a poll, and what serves it. */
interface Asking {
  readonly exchange: HttpExchange
  readonly transport: HttpTransport
}

/** What the doors of one listener share. */
export interface Doorway {
  readonly origins: Origins
  readonly addresses: ClientAddress
  readonly arrivals: Arrivals
  /** Answers a request that failed. */
  failed(exchange: HttpExchange, error: unknown): void
}

export class HttpDoor {
  readonly #ports: EdgePorts
  readonly #options: EdgeOptions
  readonly #doorway: Doorway
  /** By path. */
  readonly #transports = new Map<string, HttpTransport>()

  constructor(ports: EdgePorts, options: EdgeOptions, doorway: Doorway, routes: readonly HttpRoute[]) {
    this.#ports = ports
    this.#options = options
    this.#doorway = doorway
    for (const { path, transport: Transport, dialect } of routes)
      this.#transports.set(path, new Transport({ ports, options, dialect, path }))
  }

  has(path: string): boolean {
    return this.#transports.has(path)
  }

  /** Its path is one of the door's, and its origin was checked. */
  handle(exchange: HttpExchange): void {
    const { head } = exchange
    if (answersMethod(exchange, this.#cors(head))) return
    const asking = { exchange, transport: this.#transports.get(head.path) as HttpTransport }
    if (head.method === 'HEAD') this.#admitted(asking, () => this.#headOf(asking))
    else if (!this.#sendsOn(asking)) this.#admitted(asking, () => this.#serve(asking))
  }

  /** As of a transport; false as well where the request is of none. */
  turnAway(exchange: HttpExchange, away: TurnedAway): boolean {
    const transport = this.#transports.get(exchange.head.path)
    return transport?.turnAway(exchange, away, this.#cors(exchange.head)) === true
  }

  #cors({ headers }: RequestHead): ResponseHeaders {
    return this.#doorway.origins.headers(headers.origin)
  }

  /** Where a stream or a poll that had to leave a node comes to one that will be drained next: it shall move only once. */
  #sendsOn({ exchange, transport }: Asking): boolean {
    const { head } = exchange
    const departure = departureIn(transport.cursorOf(head) ?? '')
    if (departure === undefined || !this.#ports.redirects(departure.turns, false)) return false
    const retryAfterMs = jitter(this.#ports.clock, 0, SENT_ON_MAX_MS)
    const away = { retryAfterMs, leaving: true, error: outdated(), cursor: departure.again }
    if (!transport.turnAway(exchange, away, this.#cors(head))) return false
    this.#ports.metrics.refused('outdated')
    return true
  }

  #admitted(asking: Asking, run: () => Promise<void>): void {
    const { exchange, transport } = asking
    const { head } = exchange
    const { admission } = this.#ports
    const address = this.#doorway.addresses.of(head)
    // Before it takes the place of somebody who has a token.
    if (this.#tokenOf(head) === undefined) {
      admission.charge(address, 'token')
      this.#failed(asking, new SluiceError('unauthorized', TOKEN_MISSING))
      return
    }
    const resume = admission.knows(ticketIn(transport.cursorOf(head) ?? ''))
    const asked = admission.ask({ address, resume }, (verdict) => {
      if (verdict.kind === 'refuse') {
        this.#refuse(asking, verdict)
        return
      }
      run().catch((error: unknown) => {
        if (!resume && asSluiceError(error).code === 'unauthorized') admission.charge(address, 'token')
        this.#failed(asking, error)
      })
    })
    exchange.onAborted(() => asked.cancel())
  }

  /**
   * A page renews its cookie while its stream waits, and an `EventSource` that is refused for good never looks again. What is in the URL stays
   * as it is; who shows nothing and was never here has no cookie to renew.
   */
  #failed({ exchange, transport }: Asking, thrown: unknown): void {
    const { head } = exchange
    const error = asSluiceError(thrown)
    const { tokenCookie, retryMinMs, retryMaxMs } = this.#options
    const isRenewed =
      error.code === 'unauthorized' &&
      head.method === 'GET' &&
      shownToken(head) === undefined &&
      (cookie(head, tokenCookie) ?? transport.cursorOf(head)) !== undefined
    if (isRenewed && transport.isBlind(head) && !exchange.done) {
      this.#ports.metrics.protocolError(error.code)
      const retryAfterMs = jitter(this.#ports.clock, retryMinMs * RENEWAL, retryMaxMs * RENEWAL)
      const away = { retryAfterMs, leaving: false, error, cursor: undefined }
      if (transport.turnAway(exchange, away, this.#cors(head))) return
    }
    this.#doorway.failed(exchange, thrown)
  }

  /** What a stream or a poll would be answered with, without beginning one. */
  async #headOf({ exchange, transport }: Asking): Promise<void> {
    const { head } = exchange
    await this.#request(head, transport)
    const cors = this.#cors(head)
    exchange.respond(200, { 'content-type': transport.contentType, 'cache-control': 'no-store', ...cors })
  }

  async #serve({ exchange, transport }: Asking): Promise<void> {
    const { head } = exchange
    const open = transport.asked(head)
    const { identity, ...wanted } = await this.#request(head, transport)
    if (exchange.done) return
    const connection = open(exchange, identity.user, this.#cors(head))
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
    connection.channelsMax = wanted.channelsMax
    try {
      await this.#ports.sessions.connect(connection, identity, {
        session: undefined,
        ...wanted,
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
    const placeOf = (name: string): From | undefined => resume?.byTag.get(tagOf(name))
    for (const name of names) channels.set(name, placeOf(name))
    // The inbox is one of those that fit.
    const channelsMax = Math.min(channelsPerStreamMax, channelsThatFit(head, headBytesMax) - 1)
    return { identity, channels, channelsMax, departure: resume?.departure, placeOf }
  }

  #tokenOf(head: RequestHead): string | undefined {
    return tokenOf(head, this.#options.tokenCookie)
  }

  #refuse({ exchange, transport }: Asking, verdict: Refuse): void {
    this.#doorway.arrivals.warnOfProxy(exchange.head, verdict)
    const { retryAfterMs, reason, tooMany } = verdict
    const cors = this.#cors(exchange.head)
    const away = { retryAfterMs, leaving: LEAVING.has(reason), error: undefined, cursor: undefined }
    if (transport.turnAway(exchange, away, cors)) return
    const { code, message } = refusal(verdict)
    const headers = { ...refusalHeaders(verdict), ...cors }
    exchange.respond(tooMany ? 429 : 503, headers, errorBody(code, message), !tooMany)
  }
}

/** Where a request without frames may have its token. */
export function tokenOf(head: RequestHead, cookieName: string): string | undefined {
  return shownToken(head) ?? cookie(head, cookieName)
}

/** By the request itself, so that its next try shows the same. */
function shownToken(head: RequestHead): string | undefined {
  return bearer(head) ?? new URLSearchParams(head.query).get('token') ?? undefined
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

/** Whether the method was all that there was to answer: somebody asks what may be sent, or sends something else. */
export function answersMethod(exchange: HttpExchange, cors: ResponseHeaders, more?: string): boolean {
  const { method } = exchange.head
  if (method === 'GET' || method === 'HEAD') return false
  const headers = more === undefined ? ALLOWED.headers : `${ALLOWED.headers}, ${more}`
  if (method === 'OPTIONS') answerPreflight(exchange, { ...ALLOWED, headers }, cors)
  else refuseMethod(exchange, ALLOWED, ALLOWED.all, cors)
  return true
}
