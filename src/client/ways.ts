/**
 * The ways to a gateway: what an attempt is made by.
 */
import { ClientError } from './errors.ts'
import type { WebSocketConstructor } from './socket.ts'

export type Transport = 'websocket' | 'sse' | 'poll'

export interface Way {
  readonly transport: Transport
  readonly Socket: WebSocketConstructor
}

/** Which way is tried next, and, where there are several, what is learned of them: `way-choice.ts` has the rules. */
export interface Ways {
  readonly current: Transport
  /** For another attempt; by a `move` or a `return` to a better way, beside a connection that serves. */
  next(why: 'connect' | 'move' | 'return'): Way
  /** The attempt did not get through. `sure`: another one by this way would end the same. True: there is another way, to be tried at once. */
  failed?(sure: boolean): boolean
  /** The attempt serves from here on. */
  served?(): void
  /** In how many milliseconds a better way than the one that serves is worth an attempt; `undefined`: there is none. */
  returnMs?(): number | undefined
  /** What was known may be so no more. True: a better way than the one that serves is worth an attempt now. */
  networkChanged?(): boolean
}

/** Where there is no choice. */
export function oneWay(way: Way): Ways {
  return { current: way.transport, next: () => way }
}

interface WebSocketOption {
  readonly WebSocket?: WebSocketConstructor | undefined
}

/** The platform's, unless one is given. */
export function webSocketOf({ WebSocket }: WebSocketOption): WebSocketConstructor | undefined {
  return WebSocket ?? (globalThis as { readonly WebSocket?: WebSocketConstructor }).WebSocket
}

/** Throws a `ClientError` where there is none. */
export function webSocketWay(options: WebSocketOption): Way {
  const Socket = webSocketOf(options)
  if (!Socket) {
    throw new ClientError('bad_request', 'no WebSocket here: give options.WebSocket')
  }
  return { transport: 'websocket', Socket }
}
