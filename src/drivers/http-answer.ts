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
const KEEP_ALIVE = 'timeout=7'

const UNFIT_FOR_HEADER = /[\r\n\0]/

/** Before anything is written, so that a failure can still be answered. */
export function checkHeaders(headers: ResponseHeaders): void {
  for (const name in headers)
    if (UNFIT_FOR_HEADER.test(headers[name] as string))
      throw new Error(`the value of the header ${name} has a line break`)
}

export function writeHead(response: Native.HttpResponse, status: number, headers: ResponseHeaders): void {
  // What the library writes by itself.
  if (status !== 200) response.writeStatus(`${status} ${REASONS[status] ?? 'Status'}`)
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
  writeHead(response, status, headers)
  // Beside the headers: to put it among them would copy them for each answer.
  response.writeHeader(REQUEST_ID_HEADER, requestId)
  // After 413 the rest of the body is still on its way: the connection cannot be used again.
  const closeConnection = last || status === 413
  if (!closeConnection) response.writeHeader('Keep-Alive', KEEP_ALIVE)
  if (withoutBody || status === 204 || status === 304) {
    // Any argument, even `undefined`, becomes a Content-Length, which 204 and 304 have not (RFC 9110, section 8.6) and nobody
    // knows of a stream; and with the older binary the answer to HEAD never ends if the length is one.
    if (withoutBody && body.length > 0)
      response.writeHeader('Content-Length', String(Buffer.byteLength(body)))
    if (closeConnection) response.writeHeader('Connection', 'close')
    response.endWithoutBody()
  } else response.end(body, closeConnection)
}
