/**
 * What the public listener has: which dialect is spoken at which path, and what carries it.
 */
import type { Dialect, StreamDialect } from '../dialect/dialect.ts'
import type { EmulationRequests } from '../dialect/emulation.ts'
import type { Reads } from '../dialect/reads.ts'
import { Links } from '../transport/links.ts'
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

/** What is said over a WebSocket, over HTTP requests where none comes through. */
export interface LinkRoute {
  readonly path: string
  readonly transport: typeof Links
  readonly dialect: Dialect
  /** Where its clients have a WebSocket: a client that is told where to go is told that. */
  readonly socketPath: string
}

/** Requests of a protocol that has its own in the place of a socket. They are links as well. */
export interface EmulationRoute {
  readonly path: string
  readonly emulation: EmulationRequests
}

/** What is read below a path. */
export interface ReadRoute {
  /** Without the slash that stands behind it. */
  readonly path: string
  readonly reads: Reads
}

export type Route = SocketRoute | LinkRoute | HttpRoute | EmulationRoute | ReadRoute

export function isReadRoute(route: Route): route is ReadRoute {
  return 'reads' in route
}

export function isEmulationRoute(route: Route): route is EmulationRoute {
  return 'emulation' in route
}

export function isSocketRoute(route: Route): route is SocketRoute {
  return 'transport' in route && route.transport === WebSocketConnection
}

export function isLinkRoute(route: Route): route is LinkRoute {
  return 'transport' in route && route.transport === Links
}

export function isHttpRoute(route: Route): route is HttpRoute {
  return 'transport' in route && !isSocketRoute(route) && !isLinkRoute(route)
}

/** In a sentence. */
export function listed(paths: readonly string[]): string {
  return paths.length < 2 ? paths.join('') : `${paths.slice(0, -1).join(', ')} and ${paths.at(-1)}`
}
