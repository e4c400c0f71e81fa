/**
 * What a WebSocket, or a link in its place, is begun with.
 */
import type { Newcomers } from './newcomers.ts'
import type { TransportOptions, TransportPorts } from './ports.ts'
import type { Conversation, Dialect } from '../dialect/dialect.ts'

/** Who has been let in. */
export interface Arrived {
  readonly conversation: Conversation<Buffer>
  /** Of the client, behind proxies; empty where nothing is to be charged to it. */
  readonly address: string
}

/** What each socket of a route shares. */
export interface WebSocketContext {
  readonly ports: TransportPorts
  readonly options: TransportOptions
  readonly newcomers: Newcomers
  readonly dialect: Dialect
  /** Of the route. */
  readonly path: string
}
