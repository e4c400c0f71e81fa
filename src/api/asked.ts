/**
 * A request on its way through the second listener: one object, with what was found out about it so far.
 */
import type { Caller, Trace } from './caller.ts'
import type { ApiRequest, Route } from './route.ts'
import type { Batch } from './under-way.ts'
import type { HttpExchange, RequestHead } from '../drivers/uws.ts'
import { SluiceError } from '../errors.ts'

/** The same for all requests. */
export interface AskedTerms {
  readonly jsonDepthMax: number
  addressOf(head: RequestHead): string
  bodyTooLong(): void
}

/** But not where its weight is 0. */
const GZIP = /(?:^|[\s,])gzip(?!\s*;\s*q=0(?:\.0*)?(?:[\s,]|$))/i

const NO_PARAMS: Readonly<Record<string, string>> = {}

export class Asked implements ApiRequest {
  readonly exchange: HttpExchange
  readonly startedMs: number
  params = NO_PARAMS
  route: Route | undefined
  /** The route carries it out: what comes of it is written down where the route says so. */
  begun = false
  readonly #terms: AskedTerms
  readonly #batch: Batch
  #query: URLSearchParams | undefined
  #caller: Caller | undefined
  #trace: Trace | undefined
  #text: string | undefined
  #bytes = 0
  #over = false

  constructor(exchange: HttpExchange, terms: AskedTerms, startedMs: number, batch: Batch) {
    this.exchange = exchange
    this.startedMs = startedMs
    this.#terms = terms
    this.#batch = batch
  }

  get requestId(): string {
    return this.exchange.requestId
  }

  get jsonDepthMax(): number {
    return this.#terms.jsonDepthMax
  }

  get asked(): RequestHead {
    return this.exchange.head
  }

  get query(): URLSearchParams {
    return (this.#query ??= new URLSearchParams(this.exchange.head.query))
  }

  get acceptsGzip(): boolean {
    return GZIP.test(this.exchange.head.headers['accept-encoding'] ?? '')
  }

  get accept(): string | undefined {
    return this.exchange.head.headers.accept
  }

  get traceparent(): string | undefined {
    return this.exchange.head.headers.traceparent
  }

  get caller(): Caller {
    if (this.#caller === undefined) throw new Error('a route without a scope has no caller')
    return this.#caller
  }

  set caller(caller: Caller) {
    this.#caller = caller
  }

  noteAddress(): void {
    this.#trace = { requestId: this.requestId, remoteAddress: this.#terms.addressOf(this.exchange.head) }
  }

  get trace(): Trace {
    if (this.#trace === undefined) this.noteAddress()
    return this.#trace as Trace
  }

  get text(): string {
    if (this.#text === undefined) throw new Error('the route does not say that it takes the whole body')
    return this.#text
  }

  get isAscii(): boolean {
    return this.text.length === this.#bytes
  }

  /** The whole body is here. Fails with `limit_exceeded` or `bad_request`. */
  arrived(body: ArrayBuffer | Buffer | SluiceError): void {
    if (body instanceof SluiceError) this.#unread(body)
    this.#text = textOf(body)
    this.#bytes = body.byteLength
  }

  body(): Promise<string> {
    return this.exchange.body().then(textOf, (error: unknown) => this.#unread(error))
  }

  /** Answered, or its peer has gone. Idempotent. */
  over(): void {
    if (this.#over) return
    this.#over = true
    this.#batch.left()
  }

  #unread(error: unknown): never {
    if (error instanceof SluiceError && error.code === 'limit_exceeded') this.#terms.bodyTooLong()
    throw error
  }
}

/** What is not UTF-8 must not come out as something else. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf(body: ArrayBuffer | Buffer): string {
  try {
    return utf8.decode(body)
  } catch (error) {
    if (error instanceof TypeError) throw new SluiceError('bad_request', 'the body is not UTF-8')
    throw error
  }
}
