/**
 * What answers have in common, whichever way is read.
 */
import type { Chunk } from './chunk.ts'
import { offsetText } from './offset.ts'
import type { HttpExchange, ResponseHeaders } from '../../drivers/uws.ts'
import { errorBody } from '../../errors.ts'

/** Where an answer ends. */
export function placeHeaders({
  next,
  upToDate,
  closed,
}: Pick<Chunk, 'next' | 'upToDate' | 'closed'>): ResponseHeaders {
  return {
    'stream-next-offset': offsetText(next),
    ...(upToDate ? { 'stream-up-to-date': 'true' } : {}),
    ...(closed ? { 'stream-closed': 'true' } : {}),
  }
}

/** What was there is not to be had any more: the reader begins anew. */
export function gone(exchange: HttpExchange, headers: ResponseHeaders): void {
  const all = { ...headers, 'content-type': 'application/json', 'cache-control': 'no-store' }
  exchange.respond(
    410,
    all,
    errorBody('not_found', 'this place is not kept any more; begin anew with offset=-1'),
  )
}
