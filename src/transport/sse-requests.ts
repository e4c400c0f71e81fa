/**
 * Requests of SSE: who asks for a stream, and how a browser's `EventSource` is turned away.
 */
import { sseEvent, STREAM_HEADERS } from './sse-event.ts'
import { SseConnection, type SseContext } from './sse.ts'
import { SseFanout } from './sse-fanout.ts'
import type { HttpConnection, HttpTransport, StreamContext, TurnedAway } from './transport.ts'
import type { HttpExchange, RequestHead, ResponseHeaders } from '../drivers/uws.ts'

/** What polyfills of `EventSource` send that cannot set a header; before `cursor`, which is in a URL that they keep. */
const LAST_EVENT_ID = ['lastEventId', 'Last-Event-ID']

export class SseTransport implements HttpTransport {
  readonly name = 'sse'
  readonly contentType = 'text/event-stream'
  readonly #context: SseContext

  constructor(context: StreamContext) {
    const { metrics, caught, clock } = context.ports
    const { form } = context.dialect.streams
    const fanout = new SseFanout(
      form,
      (bytes) => metrics.bytesOut('sse', bytes),
      caught,
      () => clock.monotonicMs(),
    )
    this.#context = { ...context, fanout }
  }

  cursorOf(head: RequestHead): string | undefined {
    return lastEventIdOf(head)
  }

  /** As `EventSource` asks: it gives up for good on any status but 200. */
  isBlind({ headers }: RequestHead): boolean {
    return headers.accept === 'text/event-stream'
  }

  asked(): (exchange: HttpExchange, user: string, headers: ResponseHeaders) => HttpConnection {
    return (exchange, user, headers) => new SseConnection(exchange, user, headers, this.#context)
  }

  /** An empty stream with `retry:` makes it come back (HTML, section 9.2.3). */
  turnAway(exchange: HttpExchange, away: TurnedAway, cors: ResponseHeaders): boolean {
    if (!this.isBlind(exchange.head)) return false
    const { retryAfterMs, error, cursor } = away
    const last = error === undefined ? undefined : this.#context.dialect.closing(error)
    const event = last === undefined ? '' : sseEvent(last.name, last.text)
    // The id counts: it is what the browser sends next time.
    const id = cursor === undefined ? '' : `id: ${cursor}\n`
    const body = `retry: ${Math.round(retryAfterMs)}\n${event}${id}\n`
    exchange.respond(200, { ...STREAM_HEADERS, ...cors }, body, true)
    return true
  }
}

/** A browser sends the header by itself; who cannot send it has a parameter. */
export function lastEventIdOf({ headers, query }: RequestHead): string | undefined {
  const parameters = new URLSearchParams(query)
  const ids = [headers['last-event-id'], ...[...LAST_EVENT_ID, 'cursor'].map((name) => parameters.get(name))]
  return ids.find((id) => id !== undefined && id !== null && id !== '') ?? undefined
}
