/**
 * One request for each connection, where the client's address comes in a PROXY header (version 2).
 *
 * uWebSockets.js takes such a header from in front of any request, not only of a connection's first. Behind a balancer that
 * passes bytes on, the first one is the balancer's; a second one would be the client's, and say what it likes. So what ends
 * an answer ends the connection. An answer does not end while its request is still being handled, since requests behind it in
 * the same segment would be handled next; while an answer is due, uWebSockets.js cuts the connection instead.
 */
import type { Native } from './uws-binary.ts'

/** What says whether the connection goes on: not the answer's business here. */
const FRAMING: ReadonlySet<string> = new Set(['connection', 'keep-alive'])

/** To be called first: it takes the place of what ends the answer, whoever ends it. */
export function endConnectionWith(response: Native.HttpResponse): void {
  const native = {
    write: response.write.bind(response),
    end: response.end.bind(response),
    endWithoutBody: response.endWithoutBody.bind(response),
    writeStatus: response.writeStatus.bind(response),
    writeHeader: response.writeHeader.bind(response),
    onAborted: response.onAborted.bind(response),
  }
  let handling = true
  let aborted = false
  let streaming = false
  let headLength: number | undefined
  let due: (() => void) | undefined
  const finish = (run: () => void): Native.HttpResponse => {
    if (handling) due = run
    else run()
    return response
  }
  setImmediate(() => {
    handling = false
    if (due !== undefined && !aborted) response.cork(due)
  })
  response.onAborted = (told) =>
    native.onAborted(() => {
      aborted = true
      told()
    })
  // The library closes behind an answer with a length only.
  response.writeStatus = (status) => native.writeStatus(status === '204 No Content' ? '200 OK' : status)
  response.writeHeader = (given, values) => {
    for (const [name, value] of linesOf(given as string, values as string)) {
      const known = name.toLowerCase()
      if (known === 'content-length') headLength = Number(value)
      else if (!FRAMING.has(known)) native.writeHeader(name, value)
    }
    return response
  }
  response.write = (chunk) => {
    if (!streaming) native.writeHeader('Connection', 'close')
    streaming = true
    return native.write(chunk)
  }
  response.end = (body = '') =>
    finish(() => {
      if (!streaming) native.end(body, true)
      // Closing is announced by a header, which uWebSockets.js would write into the last chunk. What was written leaves before.
      else setImmediate(() => void (aborted || response.close()))
    })
  response.endWithoutBody = () =>
    finish(() => {
      if (headLength === undefined) native.end('', true)
      else native.endWithoutBody(headLength, true)
    })
}

/** The lines of an answer may be the rest of the first one's value (`http-answer.ts`). */
function linesOf(name: string, value: string): (readonly [name: string, value: string])[] {
  return `${name}: ${value}`.split('\r\n').map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 2)]
  })
}
