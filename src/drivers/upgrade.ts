/**
 * A WebSocket handshake, answered at once or later.
 */
import { checkHeaders, writeHead, writeWhole, type ResponseHeaders } from './http-answer.ts'
import { REQUEST_ID_HEADER, requestIdOf } from './request-id.ts'
import { copyHead, handshakeFault, type RequestHead } from './request-head.ts'
import type { Native } from './uws-binary.ts'
import { errorBody, type Caught } from '../errors.ts'

/**
 * uWebSockets.js copies the properties of the data given to `upgrade` one by one into a dictionary of 270 bytes. It calls
 * `open` from within `upgrade`, so the connection is handed over here and becomes a plain property of the socket.
 */
const NO_DATA = {}
const NO_HEADERS: ResponseHeaders = {}
let accepted: unknown

/**
 * A WebSocket handshake that waits for an answer, as long as it takes. Most are accepted before the handler returns: there the library
 * holds what is written together, and need not be told who listens for an abort. Whatever else is answered listens first: a reply that is late
 * and has nobody who does ends the process.
 */
export class Upgrade<Connection> {
  readonly #response: Native.HttpResponse
  readonly #context: Native.us_socket_context_t
  readonly #headers: RequestHead['headers']
  readonly #caught: Caught
  #aborted: (() => void) | undefined
  #waits = false
  /** The peer has gone or an answer was given: nothing more can be done. */
  done = false

  constructor(
    response: Native.HttpResponse,
    { headers }: Pick<RequestHead, 'headers'>,
    context: Native.us_socket_context_t,
    caught: Caught,
  ) {
    this.#response = response
    this.#headers = headers
    this.#context = context
    this.#caught = caught
  }

  /** The handler returns. */
  handled(): void {
    if (this.done) return
    this.#listen()
    this.#waits = true
  }

  #listen(): void {
    if (this.#waits) return
    this.#response.onAborted(() => {
      if (this.done) return
      this.done = true
      try {
        this.#aborted?.()
      } catch (error) {
        this.#caught('aborted', error)
      }
    })
  }

  onAborted(run: () => void): void {
    this.#aborted = run
  }

  /** `protocol` empty: none is named to the client. Calls the route's `open` before it returns. */
  accept(connection: Connection, protocol: string, headers: ResponseHeaders = NO_HEADERS): void {
    if (this.done) return
    checkHeaders(headers)
    this.done = true
    if (this.#waits) this.#response.cork(() => this.#switch(connection, protocol, headers))
    else this.#switch(connection, protocol, headers)
  }

  #switch(connection: Connection, protocol: string, headers: ResponseHeaders): void {
    const { 'sec-websocket-key': key = '', 'sec-websocket-extensions': extensions = '' } = this.#headers
    accepted = connection
    // Without a status first the library would begin with 200.
    if (headers !== NO_HEADERS) writeHead(this.#response, 101, headers)
    this.#response.upgrade(NO_DATA, key, protocol, extensions, this.#context)
  }

  refuse(status: number, headers: ResponseHeaders, body: string): void {
    if (this.done) return
    checkHeaders(headers)
    // Also here: behind a PROXY header no answer ends before its handler has returned.
    this.#listen()
    this.done = true
    const requestId = requestIdOf(this.#headers[REQUEST_ID_HEADER])
    const end = { withoutBody: false, last: false, requestId }
    this.#response.cork(() => writeWhole(this.#response, status, headers, body, end))
  }
}

/** The connection of the socket that is being opened. */
export function takeAccepted(): unknown {
  const connection = accepted
  accepted = undefined
  return connection
}

interface Handshake {
  readonly response: Native.HttpResponse
  readonly request: Native.HttpRequest
  readonly context: Native.us_socket_context_t
}

/** RFC 6455, section 4.4. */
const WRONG_HEADERS: ResponseHeaders = { 'content-type': 'application/json', 'sec-websocket-version': '13' }

export function answerHandshake<Connection>(
  { response, request, context }: Handshake,
  route: { upgrade(head: RequestHead, upgrade: Upgrade<Connection>): void },
  caught: Caught,
): void {
  let upgrade: Upgrade<Connection> | undefined
  try {
    const head = copyHead(response, request)
    upgrade = new Upgrade<Connection>(response, head, context, caught)
    const fault = handshakeFault(head)
    if (fault === undefined) route.upgrade(head, upgrade)
    else upgrade.refuse(fault.status, WRONG_HEADERS, errorBody('bad_request', fault.message))
  } catch (error) {
    caught('upgrade', error)
    if (upgrade === undefined) response.close()
    else upgrade.refuse(500, {}, '')
  }
  upgrade?.handled()
}
