/**
 * An answer that goes on: events of the second listener for one who reads them as they come.
 */
import type { ApiStream } from './route.ts'
import type { Clock } from '../clock.ts'
import type { HttpExchange, ResponseHeaders } from '../drivers/uws.ts'

/** A comment: what shows a proxy, and us, that the other end is there. */
const COMMENT = ':\n\n'
const COMMENT_MS = 10_000

/** `undefined`: whoever asked has gone already. */
export function openStream(
  exchange: HttpExchange,
  headers: ResponseHeaders,
  clock: Pick<Clock, 'every'>,
): ApiStream | undefined {
  let gone: () => void = () => undefined
  let over = false
  const stream = exchange.stream(
    200,
    {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      ...headers,
      connection: 'close',
    },
    () => undefined,
    COMMENT,
  )
  if (stream === undefined) return undefined
  const write = (text: string): void => {
    if (!over) stream.cork(() => stream.write(text))
  }
  const alive = clock.every(COMMENT_MS, () => {
    if (!stream.slow) write(COMMENT)
  })
  const ended = (): boolean => {
    if (over) return false
    over = true
    alive.cancel()
    return true
  }
  exchange.onAborted(() => {
    if (ended()) gone()
  })
  return {
    get slow() {
      return stream.slow
    },
    write,
    end() {
      if (ended()) stream.end()
    },
    onGone: (run) => (gone = run),
  }
}
