/**
 * How an answer is written: its first line, its headers, and its end. Of uWebSockets.js only what it takes to write.
 */
import { REASONS } from './http-status.ts'
import { REQUEST_ID_HEADER } from './request-id.ts'
import type { Native } from './uws-binary.ts'

export type ResponseHeaders = Readonly<Record<string, string>>

/**
 * uWebSockets.js closes a connection that is idle between two requests after 10 s, looking every 4 s, and takes no other time.
 * Whoever reads this does not send a request just then.
 */
const KEEP_ALIVE = '\r\nKeep-Alive: timeout=7'

const UNFIT_FOR_HEADER = /[\r\n\0]/

/** Of headers that are frozen, as what most answers have is: checked, and put together, once. */
let known: ResponseHeaders | undefined
let knownLines = ''

/** Before anything is written, so that a failure can still be answered. */
export function checkHeaders(headers: ResponseHeaders): void {
  if (headers === known) return
  for (const name in headers)
    if (UNFIT_FOR_HEADER.test(headers[name] as string))
      throw new Error(`the value of the header ${name} has a line break`)
  if (!Object.isFrozen(headers)) return
  known = headers
  knownLines = linesOf(headers)
}

function linesOf(headers: ResponseHeaders): string {
  let lines = ''
  for (const name in headers) lines += `\r\n${name}: ${headers[name] as string}`
  return lines
}

function writeStatus(response: Native.HttpResponse, status: number): void {
  // What the library writes by itself.
  if (status !== 200) response.writeStatus(`${status} ${REASONS[status] ?? 'Status'}`)
}

export function writeHead(response: Native.HttpResponse, status: number, headers: ResponseHeaders): void {
  writeStatus(response, status)
  for (const name in headers) response.writeHeader(name, headers[name] as string)
}

export interface AnswerEnd {
  readonly withoutBody: boolean
  /** Closes the connection. */
  readonly last: boolean
  readonly requestId: string
}

export function writeWhole(
  response: Native.HttpResponse,
  status: number,
  headers: ResponseHeaders,
  body: string | Uint8Array,
  { withoutBody, last, requestId }: AnswerEnd,
): void {
  writeStatus(response, status)
  // After 413 the rest of the body is still on its way: the connection cannot be used again.
  const closeConnection = last || status === 413
  // The library writes a value as it is given, so all lines (which were checked) are the rest of the first one's: each line by itself is a
  // call into the library with two texts to be converted, a quarter of a microsecond.
  const lines = headers === known ? knownLines : linesOf(headers)
  response.writeHeader(REQUEST_ID_HEADER, requestId + (closeConnection ? '' : KEEP_ALIVE) + lines)
  if (withoutBody || status === 204 || status === 304) {
    // Any argument, even `undefined`, becomes a Content-Length, which 204 and 304 have not (RFC 9110, section 8.6) and nobody
    // knows of a stream; and with the older binary the answer to HEAD never ends if the length is one.
    if (withoutBody && body.length > 0)
      response.writeHeader('Content-Length', String(Buffer.byteLength(body)))
    if (closeConnection) response.writeHeader('Connection', 'close')
    response.endWithoutBody()
  } else response.end(body, closeConnection)
}
