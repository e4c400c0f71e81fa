/**
 * The second listener: for backends and operators, apart from the clients. Finds the route, checks the key, answers.
 */
import { Audit } from './audit.ts'
import { Caller, type Trace } from './caller.ts'
import { MEANT_FOR } from './other-nodes.ts'
import type { ApiAnswer, ApiRequest, Route, RouteMatch } from './route.ts'
import { Router } from './route.ts'
import { Streams } from './stream.ts'
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

/** A path is as long as whoever asks likes. */
const LOGGED_PATH_MAX = 200
const RETRY_LOW_MS = 500
const RETRY_HIGH_MS = 3000

export class Api {
  readonly #ports: ApiPorts
  readonly #audit: Audit
  readonly #router: Router
  readonly #paths: string
  readonly #underWay = new Set<Promise<void>>()
  readonly #streams: Streams

  constructor(routes: readonly Route[], ports: ApiPorts) {
    this.#ports = ports
    this.#audit = new Audit(ports)
    this.#streams = new Streams(ports.clock)
    this.#router = new Router(routes)
    this.#paths = [...new Set(routes.map(({ path }) => path))].join(', ')
  }

  attach(listener: Listener, { bodyBytesMax, jsonDepthMax }: BodyLimits): void {
    listener.http({
      bodyBytesMax,
      handle: (exchange) => this.#watched(exchange, this.#handle(exchange, jsonDepthMax)),
      // `#handle` answers whatever fails in it; this is for what fails in answering.
      failed: (_exchange, error) => this.#ports.caught('request', error),
    })
  }

  /** Whoever watches is told that the node goes. */
  endStreams(): void {
    this.#streams.end()
  }

  /** Resolves once everything that has come so far is answered, or its peer has gone. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay)
  }

  #watched(exchange: HttpExchange, handled: Promise<void>): Promise<void> {
    // One who goes before his body is complete is never answered.
    const left = new Promise<void>((resolve) => exchange.onAborted(resolve))
    const over = Promise.race([handled, left])
      // Whoever awaits `handled` meets what failed in it.
      .catch(() => undefined)
      .finally(() => this.#underWay.delete(over))
    this.#underWay.add(over)
    return handled
  }

  async #handle(exchange: HttpExchange, jsonDepthMax: number): Promise<void> {
    const startedMs = this.#ports.clock.monotonicMs()
    const { requestId } = exchange
    let status
    try {
      status = await this.#answer(exchange, requestId, jsonDepthMax)
    } catch (thrown) {
      status = this.#refuse(exchange, requestId, thrown)
    }
    const { apiRequests, apiRequestTime } = this.#ports.metrics
    apiRequests[`${Math.floor(status / 100)}xx` as keyof typeof apiRequests].inc()
    apiRequestTime.observe((this.#ports.clock.monotonicMs() - startedMs) / 1000)
  }

  async #answer(exchange: HttpExchange, requestId: string, jsonDepthMax: number): Promise<number> {
    const { head } = exchange
    this.#ports.localHosts?.checkHost(head)
    this.#ports.localHosts?.checkOrigin(head)
    const match = this.#router.match(head.method, head.path)
    if (match.kind === 'other-method') {
      if (head.method === 'OPTIONS') {
        const headers = { allow: match.allow }
        this.#respond(exchange, { status: 204, headers, body: '' })
        return 204
      }
      const body = errorBody('bad_request', `${head.path} takes ${match.allow}, not ${head.method}`)
      const headers = { ...JSON_TYPE, allow: match.allow }
      this.#respond(exchange, { status: 405, headers, body })
      return 405
    }
    this.#checkMeant(head)
    const { route, params } = this.#found(match, head.path)
    const caller = route.scope === undefined ? undefined : await this.#callerOf(exchange, requestId)
    const answer = await this.#carryOut(route, caller, {
      params,
      query: new URLSearchParams(head.query),
      acceptsGzip: /(?:^|[\s,])gzip(?!\s*;\s*q=0(?:\.0*)?(?:[\s,]|$))/i.test(
        head.headers['accept-encoding'] ?? '',
      ),
      get caller() {
        if (caller === undefined) throw new Error('a route without a scope has no caller')
        return caller
      },
      body: () => this.#body(exchange),
      jsonDepthMax,
    })
    if (answer.stream !== undefined) {
      this.#streams.start(exchange, answer.stream, answer.headers ?? {})
      return answer.status
    }
    const headers: ResponseHeaders = { ...JSON_TYPE, ...answer.headers }
    const body = answer.bytes ?? answer.text ?? JSON.stringify(answer.json ?? {})
    this.#respond(exchange, { status: answer.status, headers, body })
    return answer.status
  }

  async #carryOut(route: Route, caller: Caller | undefined, request: ApiRequest): Promise<ApiAnswer> {
    const { scope, audit } = route
    if (caller === undefined || scope === undefined) return route.handle(request)
    caller.checkScope(scope)
    if (audit === undefined) return route.handle(request)
    let status = 500
    let on = request.params
    try {
      const answer = await route.handle(request)
      status = answer.status
      on = { ...on, ...answer.on }
      return answer
    } catch (error) {
      status = asSluiceError(error).status
      throw error
    } finally {
      this.#audit.acted(caller, { action: audit, on, status })
    }
  }

  /** By an API key, or for whom another node asks. Fails with `unauthorized`. */
  async #callerOf(exchange: HttpExchange, requestId: string): Promise<Caller> {
    const { head } = exchange
    const trace: Trace = { requestId, remoteAddress: this.#ports.addressOf(head) }
    const refused = (caller: Caller, error: unknown): void =>
      this.#audit.forbidden(caller, asSluiceError(error).message)
    try {
      if (!isNodeRequest(head.headers.authorization))
        return new Caller(this.#ports.keys.find(keyOf(head)), trace, refused)
      const { from, onBehalf } = this.#checkedNode(head, await this.#body(exchange))
      const { grant, ...his } = onBehalf
      return new Caller(grant, { ...his, via: from }, refused)
    } catch (error) {
      const { method, path } = head
      this.#audit.refused({ ...trace, method, path }, asSluiceError(error).message)
      throw error
    }
  }

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
  #respond(exchange: HttpExchange, { status, headers, body, last = false }: Response): void {
    const { authorization } = exchange.head.headers
    const proof =
      this.#ports.requests !== undefined && isNodeRequest(authorization) && typeof body === 'string'
        ? { [ANSWER_HEADER]: this.#ports.requests.answer(authorization, status, body) }
        : {}
    exchange.respond(status, { ...headers, ...proof }, body, last || this.#ports.leaving())
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

  async #body(exchange: HttpExchange): Promise<string> {
    try {
      return utf8.decode(await exchange.body())
    } catch (error) {
      if (error instanceof TypeError) throw new SluiceError('bad_request', 'the body is not UTF-8')
      if (error instanceof SluiceError && error.code === 'limit_exceeded')
        this.#ports.metrics.limitsHit.request_body.inc()
      throw error
    }
  }

  #found(match: Exclude<RouteMatch, { kind: 'other-method' }>, path: string): RouteMatch & { kind: 'found' } {
    if (match.kind === 'found') return match
    throw new SluiceError('not_found', `there is nothing at ${path}; this listener has ${this.#paths}`)
  }

  #refuse(exchange: HttpExchange, requestId: string, thrown: unknown): number {
    const { clock, log, caught } = this.#ports
    const error = asSluiceError(thrown)
    const { method } = exchange.head
    const path = exchange.head.path.slice(0, LOGGED_PATH_MAX)
    const failed = error.code === 'internal'
    if (failed) caught('request', thrown, { what: 'a request', requestId, method, path })
    else log.debug({ requestId, method, path, code: error.code }, 'a request was refused')
    const retryAfterMs = error.retryAfterMs ?? jitter(clock, RETRY_LOW_MS, RETRY_HIGH_MS)
    const retry = error.retryable ? retryAfter(retryAfterMs) : {}
    this.#respond(exchange, {
      status: error.status,
      headers: { ...JSON_TYPE, ...retry },
      body: errorBody(error.code, error.message),
      last: failed,
    })
    return error.status
  }
}

/** What is not UTF-8 must not come out as something else. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const JSON_TYPE: ResponseHeaders = { 'content-type': 'application/json' }

const NOT_OF_A_NODE: Readonly<Record<RequestRefusal, string>> = {
  none: 'the request is not one that nodes make: it may be of a node of another version',
  secret: 'the request is not of a node that has the same node.clusterSecret, or was changed on its way',
  clock: 'the request is of another time: the clocks of two nodes differ by more than a minute',
  replayed: 'the request has been made before',
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
