/**
 * Requests of long polls: who asks, for how long, and what becomes of one that a balancer keeps to a node that leaves.
 */
import { JSON_HEADERS, PollConnection } from './poll.ts'
import type { HttpConnection, HttpTransport, StreamContext, TurnedAway } from './transport.ts'
import { jitter } from '../clock.ts'
import type { HttpExchange, RequestHead, ResponseHeaders } from '../drivers/uws.ts'
import { SluiceError } from '../errors.ts'

const WAIT_DEFAULT_S = 25
const WAIT_MAX_S = 120

/** A poll that comes to a node that leaves may come again as often as its balancer sends it there. */
const ELSEWHERE_MIN_MS = 50
const ELSEWHERE_MAX_MS = 300

export class PollTransport implements HttpTransport {
  readonly name = 'poll'
  readonly contentType = 'application/json'
  readonly #context: StreamContext

  constructor(context: StreamContext) {
    this.#context = context
  }

  cursorOf(head: RequestHead): string | undefined {
    return cursorParameterOf(head)
  }

  isBlind(): boolean {
    return false
  }

  asked(
    head: RequestHead,
  ): (exchange: HttpExchange, user: string, headers: ResponseHeaders) => HttpConnection {
    const waitMs = waitOf(new URLSearchParams(head.query).get('wait'))
    return (exchange, user, headers) => new PollConnection({ exchange, user, waitMs, headers }, this.#context)
  }

  /**
   * A poll over a connection that a balancer, or the client, has kept to a node that leaves: nothing new, the cursor that it
   * came with, or is to go on with, and the end of the connection. A refusal would cost it a pause.
   */
  turnAway(exchange: HttpExchange, away: TurnedAway, cors: ResponseHeaders): boolean {
    const { leaving, retryAfterMs, cursor } = away
    const came = cursorParameterOf(exchange.head)
    if (!leaving || came === undefined) return false
    // Not at once, or a balancer that has not noticed yet would be asked without a pause.
    const body = `{"messages":[],"resets":[],"cursor":${JSON.stringify(cursor ?? came)}}`
    const { clock } = this.#context.ports
    // Who is sent on is told so a few times at most.
    const afterMs = cursor === undefined ? jitter(clock, ELSEWHERE_MIN_MS, ELSEWHERE_MAX_MS) : retryAfterMs
    const answer = clock.after(afterMs, () => exchange.respond(200, { ...JSON_HEADERS, ...cors }, body, true))
    exchange.onAborted(() => answer.cancel())
    return true
  }
}

export function cursorParameterOf({ query }: RequestHead): string | undefined {
  return new URLSearchParams(query).get('cursor') || undefined
}

export function waitOf(wait: string | null): number {
  if (wait === null) return WAIT_DEFAULT_S * 1000
  const seconds = Number(wait)
  if (wait.trim() === '' || !Number.isFinite(seconds) || seconds < 0 || seconds > WAIT_MAX_S) {
    throw new SluiceError('bad_request', `wait is a number of seconds from 0 to ${WAIT_MAX_S}`)
  }
  return seconds * 1000
}
