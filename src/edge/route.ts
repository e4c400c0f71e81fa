/**
 * What the public listener has: which dialect is spoken at which path, and what carries it.
 */
import type { Dialect, StreamDialect } from '../dialect/dialect.ts'
import type { HttpTransportClass } from '../transport/transport.ts'
import { WebSocketConnection } from '../transport/websocket.ts'

export interface SocketRoute {
  /** As uWebSockets.js takes it: `/app/:key` is every path below `/app`. */
  readonly path: string
  readonly transport: typeof WebSocketConnection
  readonly dialect: Dialect
}

export interface HttpRoute {
  readonly path: string
  readonly transport: HttpTransportClass
  readonly dialect: StreamDialect
}

export type Route = SocketRoute | HttpRoute

export function isSocketRoute(route: Route): route is SocketRoute {
  return route.transport === WebSocketConnection
}

/** In a sentence. */
export function listed(paths: readonly string[]): string {
  return paths.length < 2 ? paths.join('') : `${paths.slice(0, -1).join(', ')} and ${paths.at(-1)}`
}
