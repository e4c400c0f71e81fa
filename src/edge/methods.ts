/**
 * What may be sent to a path of the public listener, for pages of other origins that ask before they send (Fetch, "CORS protocol"),
 * and for whoever sends something else.
 */
import type { HttpExchange, ResponseHeaders } from '../drivers/uws.ts'
import { errorBody } from '../errors.ts'

const PREFLIGHT_MAX_AGE_S = '600'
/** A browser takes the answer for what it says that it is. */
export const NOSNIFF: ResponseHeaders = { 'x-content-type-options': 'nosniff' }

/** Each a list, separated by commas. */
export interface Allowed {
  readonly all: string
  /** Of pages of other origins. */
  readonly methods: string
  readonly headers: string
}

export function answerPreflight(exchange: HttpExchange, allowed: Allowed, cors: ResponseHeaders): void {
  exchange.respond(204, {
    ...cors,
    allow: allowed.all,
    'access-control-allow-methods': allowed.methods,
    'access-control-allow-headers': allowed.headers,
    'access-control-max-age': PREFLIGHT_MAX_AGE_S,
  })
}

/** `takes`: in a sentence. */
export function refuseMethod(
  exchange: HttpExchange,
  { all }: Pick<Allowed, 'all'>,
  takes: string,
  cors: ResponseHeaders,
): void {
  const { method, path } = exchange.head
  const headers = { 'content-type': 'application/json', allow: all, ...cors }
  exchange.respond(405, headers, errorBody('bad_request', `${path} takes ${takes}, not ${method}`))
}
