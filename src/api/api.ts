/**
 * The second listener: for backends and operators, apart from the clients. Finds the route, checks the key, answers.
 */
import { Asked, type AskedTerms } from './asked.ts'
import { Audit } from './audit.ts'
import { Caller } from './caller.ts'
import { API_LIFE, endingRoutes, goneSentence, goneVersion, type ApiLife } from './life.ts'
import { MEANT_FOR } from './other-nodes.ts'
import type { ApiAnswer, Route, RouteMatch } from './route.ts'
import { Router } from './route.ts'
import { Streams } from './stream.ts'
import { UnderWay } from './under-way.ts'
import type { ApiKeys } from '../auth/api-keys.ts'
import { jitter, type Clock } from '../clock.ts'
import {
  ANSWER_HEADER,
  CALLER_HEADER,
  isNodeRequest,
  type NodeRequests,
  type RequestCheck,
  type RequestRefusal,
} from '../cluster/node-request.ts'
import type { HttpExchange, Listener, RequestHead, ResponseHeaders } from '../drivers/uws.ts'
import type { LocalHosts } from '../edge/local-hosts.ts'
import { asSluiceError, errorBody, retryAfter, SluiceError, type Caught } from '../errors.ts'
import type { Log } from '../observe/log.ts'
import type { Cells } from '../observe/metrics.ts'
import type { Mistakes } from '../observe/mistakes.ts'

export interface ApiPorts {
  readonly nodeId: string
  readonly keys: ApiKeys
  /** `undefined`: the node is alone, and no other one asks it for anything. */
  readonly requests: NodeRequests | undefined
  readonly clock: Clock
  readonly log: Log
  readonly mistakes: Pick<Mistakes, 'warn'>
  readonly caught: Caught
  readonly metrics: Pick<Cells, 'apiRequests' | 'apiRequestTime' | 'limitsHit'>
  /** `undefined`: the node is not for development. */
  readonly localHosts: LocalHosts | undefined
  /** The address of whoever asks, behind our own proxies too. */
  readonly addressOf: (head: RequestHead) => string
  /** What is deprecated; absent: as the table says. */
  readonly life?: ApiLife
  /** The node is about to go. */
  readonly leaving: () => boolean
}

export interface BodyLimits {
  readonly bodyBytesMax: number
  readonly jsonDepthMax: number
}

interface Response {
  readonly status: number
  readonly headers: ResponseHeaders
  readonly body: string | Uint8Array
  /** Closes the connection. */
  readonly last?: boolean
}

/** Whoever asks for them here has mixed up the listeners: a list of what is here would not tell. */
const CLIENT_PATHS: ReadonlySet<string> = new Set(['/v1/ws', '/v1/sse', '/v1/poll', '/v1/link'])
const FOR_CLIENTS = 'clients connect on the other listener (port)'
/** A path is as long as whoever asks likes. */
const LOGGED_PATH_MAX = 200
const RETRY_LOW_MS = 500
const RETRY_HIGH_MS = 3000

export class Api {
  readonly #ports: ApiPorts
  readonly #audit: Audit
  readonly #router: Router
  readonly #ending: ReadonlyMap<Route, ResponseHeaders>
  readonly #paths: string
  readonly #underWay = new UnderWay()
  readonly #streams: Streams

  constructor(routes: readonly Route[], ports: ApiPorts) {
    this.#ports = ports
    this.#audit = new Audit(ports)
    this.#streams = new Streams(ports.clock)
    this.#ending = endingRoutes(routes, ports.life ?? API_LIFE)
    this.#router = new Router(routes)
    this.#paths = [...new Set(routes.map(({ path }) => path))].join(', ')
  }

  attach(listener: Listener, { bodyBytesMax, jsonDepthMax }: BodyLimits): void {
    const { addressOf, metrics, caught } = this.#ports
    const terms: AskedTerms = {
      jsonDepthMax,
      addressOf,
      bodyTooLong: () => metrics.limitsHit.request_body.inc(),
    }
    listener.http({
      bodyBytesMax,
      handle: (exchange) => this.#handle(exchange, terms),
      // `#handle` answers whatever fails in it; this is for what fails in answering.
      failed: (_exchange, error) => caught('request', error),
    })
  }

  /** Whoever watches is told that the node goes. */
  endStreams(): void {
    this.#streams.end()
  }

  /** Resolves once everything that has come so far is answered, or its peer has gone. */
  settled(): Promise<void> {
    return this.#underWay.settled()
  }

  // A request that waits for nothing is answered in the call that brings it, or the end of its body: no promise is made for it.

  #handle(exchange: HttpExchange, terms: AskedTerms): void | Promise<void> {
    const asked = new Asked(exchange, terms, this.#ports.clock.monotonicMs(), this.#underWay.enter())
    // One who goes before his body is complete is never answered.
    exchange.onAborted(() => asked.over())
    try {
      return this.#route(asked)
    } catch (thrown) {
      this.#refuse(asked, thrown)
    }
  }

  #route(asked: Asked): void | Promise<void> {
    const { head } = asked.exchange
    this.#ports.localHosts?.checkHost(head)
    this.#ports.localHosts?.checkOrigin(head)
    const match = this.#router.match(head.method, head.path)
    const gone = match.kind === 'unknown' ? goneVersion(head.path) : undefined
    if (gone !== undefined) {
      const body = errorBody('not_found', goneSentence(gone))
      this.#respond(asked, { status: 410, headers: JSON_TYPE, body })
      return
    }
    if (match.kind === 'other-method') {
      this.#answerMethods(asked, match.allow)
      return
    }
    this.#checkMeant(head)
    const { route, params } = this.#found(match, head.path)
    asked.route = route
    asked.params = params
    // In time: when a request is answered, or its peer has gone, nobody can say any more who it was.
    if (route.wholeBody === undefined) asked.noteAddress()
    if (route.scope === undefined) return this.#carryOut(asked, route)
    if (isNodeRequest(head.headers.authorization)) return this.#routeOfNode(asked, route)
    asked.caller = this.#identified(asked, () => this.#bearer(asked))
    return this.#permitted(asked, route)
  }

  /** Its proof is one of the body, too. */
  async #routeOfNode(asked: Asked, route: Route): Promise<void> {
    try {
      const body = await asked.body()
      asked.caller = this.#identified(asked, () => this.#behind(asked, body))
      await this.#permitted(asked, route)
    } catch (thrown) {
      this.#refuse(asked, thrown)
    }
  }

  #permitted(asked: Asked, route: Route): void | Promise<void> {
    if (route.scope !== undefined) asked.caller.checkScope(route.scope)
    if (route.wholeBody === undefined) return this.#carryOut(asked, route)
    asked.exchange.readBody((body) => {
      try {
        asked.arrived(body)
        this.#carryOut(asked, route)?.catch((fault: unknown) => asked.exchange.fail(fault))
      } catch (thrown) {
        this.#refuse(asked, thrown)
      }
    })
  }

  #carryOut(asked: Asked, route: Route): void | Promise<void> {
    asked.begun = true
    const answer = route.handle(asked)
    if (!(answer instanceof Promise)) this.#answer(asked, answer)
    else
      return answer
        .then((done) => this.#answer(asked, done))
        .catch((thrown: unknown) => this.#refuse(asked, thrown))
  }

  #answer(asked: Asked, answer: ApiAnswer): void {
    const { status, json, text, bytes, stream, on } = answer
    const ending = asked.route === undefined ? undefined : this.#ending.get(asked.route)
    const headers = ending === undefined ? answer.headers : { ...answer.headers, ...ending }
    this.#written(asked, status, on)
    if (stream !== undefined) {
      this.#streams.start(asked.exchange, stream, headers ?? {})
      this.#over(asked, status)
      return
    }
    const body = bytes ?? text ?? JSON.stringify(json ?? {})
    this.#respond(asked, {
      status,
      headers: headers === undefined ? JSON_TYPE : { ...JSON_TYPE, ...headers },
      body,
    })
  }

  #answerMethods(asked: Asked, allow: string): void {
    const { method, path } = asked.exchange.head
    const headers = { allow }
    if (method === 'OPTIONS') {
      this.#respond(asked, { status: 204, headers, body: '' })
      return
    }
    const body = errorBody('bad_request', `${path} takes ${allow}, not ${method}`)
    this.#respond(asked, { status: 405, headers: { ...JSON_TYPE, ...headers }, body })
  }

  /** What a route has changed for others, or failed to, is written down. */
  #written(asked: Asked, status: number, on: ApiAnswer['on'] = {}): void {
    const { route, begun, params } = asked
    if (!begun || route?.scope === undefined || route.audit === undefined) return
    asked.begun = false
    this.#audit.acted(asked.caller, { action: route.audit, on: { ...params, ...on }, status })
  }

  /** Whoever fails to say who he is is written down. Fails with `unauthorized`. */
  #identified(asked: Asked, identify: () => Caller): Caller {
    try {
      return identify()
    } catch (error) {
      const { method, path } = asked.exchange.head
      this.#audit.refused({ ...asked.trace, method, path }, asSluiceError(error).message)
      throw error
    }
  }

  #bearer(asked: Asked): Caller {
    return new Caller(this.#ports.keys.find(keyOf(asked.exchange.head)), asked, this.#forbidden)
  }

  /** For whom another node asks. */
  #behind(asked: Asked, body: string): Caller {
    const { from, onBehalf } = this.#checkedNode(asked.exchange.head, body)
    const { grant, ...his } = onBehalf
    return new Caller(grant, { trace: { ...his, via: from } }, this.#forbidden)
  }

  readonly #forbidden = (caller: Caller, error: unknown): void =>
    this.#audit.forbidden(caller, asSluiceError(error).message)

  /** Fails with `unauthorized`. */
  #checkedNode(head: RequestHead, body: string): RequestCheck & { readonly kind: 'good' } {
    const { method, headers } = head
    const { authorization, [CALLER_HEADER]: caller = '' } = headers
    const asked = { method, path: pathOf(head), body }
    const check = this.#ports.requests?.check(this.#ports.clock.now(), asked, {
      ...(authorization === undefined ? {} : { authorization }),
      caller,
    })
    if (check?.kind === 'good') return check
    throw new SluiceError('unauthorized', NOT_OF_A_NODE[check?.why ?? 'secret'])
  }

  /**
   * To a node, with the proof that it is one of the cluster that answers. From a node that leaves, with the end of the connection:
   * a backend that keeps its connections would go on publishing here, whatever a balancer thinks, until the last one is cut.
   */
  #respond(asked: Asked, { status, headers, body, last = false }: Response): void {
    const { exchange } = asked
    const { authorization } = exchange.head.headers
    const { requests } = this.#ports
    const proof =
      requests !== undefined && isNodeRequest(authorization) && typeof body === 'string'
        ? { ...headers, [ANSWER_HEADER]: requests.answer(authorization, status, body) }
        : headers
    exchange.respond(status, proof, body, last || this.#ports.leaving())
    this.#over(asked, status)
  }

  #over(asked: Asked, status: number): void {
    const { clock, metrics } = this.#ports
    if (asked.route?.probe !== true) {
      metrics.apiRequests[classOf(status)].inc()
      metrics.apiRequestTime.observe((clock.monotonicMs() - asked.startedMs) / 1000)
    }
    asked.over()
  }

  /** A node that has gone is in the table for a while, and another one may have its address by now. */
  #checkMeant({ headers }: RequestHead): void {
    const meant = headers[MEANT_FOR]
    if (meant === undefined || meant === this.#ports.nodeId) return
    throw new SluiceError(
      'not_found',
      `at this address is node ${this.#ports.nodeId}, not the one that was meant: it has gone, or its node.address is wrong`,
    )
  }

  #found(match: Exclude<RouteMatch, { kind: 'other-method' }>, path: string): RouteMatch & { kind: 'found' } {
    if (match.kind === 'found') return match
    const hint = CLIENT_PATHS.has(path) ? FOR_CLIENTS : `this listener has ${this.#paths}`
    throw new SluiceError('not_found', `there is nothing at ${path}; ${hint}`)
  }

  #refuse(asked: Asked, thrown: unknown): void {
    const { clock, log, caught } = this.#ports
    const { requestId, exchange } = asked
    const error = asSluiceError(thrown)
    const { method } = exchange.head
    const path = exchange.head.path.slice(0, LOGGED_PATH_MAX)
    const failed = error.code === 'internal'
    if (failed) caught('request', thrown, { what: 'a request', requestId, method, path })
    else log.debug({ requestId, method, path, code: error.code }, 'a request was refused')
    const retryAfterMs = error.retryAfterMs ?? jitter(clock, RETRY_LOW_MS, RETRY_HIGH_MS)
    const retry = error.retryable ? retryAfter(retryAfterMs) : {}
    this.#written(asked, error.status)
    this.#respond(asked, {
      status: error.status,
      headers: { ...JSON_TYPE, ...retry },
      body: errorBody(error.code, error.message),
      last: failed,
    })
  }
}

const JSON_TYPE: ResponseHeaders = Object.freeze({ 'content-type': 'application/json' })

const NOT_OF_A_NODE: Readonly<Record<RequestRefusal, string>> = {
  none: 'the request is not one that nodes make: it may be of a node of another version',
  secret: 'the request is not of a node that has the same node.clusterSecret, or was changed on its way',
  clock: 'the request is of another time: the clocks of two nodes differ by more than a minute',
  replayed: 'the request has been made before',
}

function classOf(status: number): '2xx' | '3xx' | '4xx' | '5xx' {
  if (status < 300) return '2xx'
  if (status < 400) return '3xx'
  return status < 500 ? '4xx' : '5xx'
}

/** As it was asked for. */
function pathOf({ path, query }: RequestHead): string {
  return query === '' ? path : `${path}?${query}`
}

function keyOf({ headers }: RequestHead): string | undefined {
  const { authorization } = headers
  if (authorization === undefined) return headers['x-api-key']
  // The second is how libraries of Centrifuge say it.
  return /^(?:Bearer|apikey) +(.*)$/i.exec(authorization)?.[1]?.trim()
}
