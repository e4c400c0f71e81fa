/**
 * What carries messages over HTTP requests, as the door of the public listener sees it. A WebSocket has a file of its own,
 * `websocket.ts`; what sessions and the hub may rely on in each connection is T1 to T8 of `test/conformance/connection.suite.ts`.
 */
import type { TransportOptions, TransportPorts } from './ports.ts'
import type { StreamDialect } from '../dialect/dialect.ts'
import type { HttpExchange, RequestHead, ResponseHeaders } from '../drivers/uws.ts'
import type { SluiceError } from '../errors.ts'
import type { TransportName } from '../protocol/transport-name.ts'
import type { Connection } from '../session/connection.ts'

/** What each connection of a route shares. */
export interface StreamContext {
  readonly ports: TransportPorts
  readonly options: TransportOptions
  readonly dialect: StreamDialect
  /** Of the route. */
  readonly path: string
}

export interface HttpConnection extends Connection {
  /** Told before it has a session. */
  channelsMax: number | undefined
  /** The session is complete. Absent: there is nothing to begin. */
  begin?(): void
  /** The client has gone, or its session could not be had. */
  gone(): void
}

/** A request that cannot be served now. */
export interface TurnedAway {
  readonly retryAfterMs: number
  /** The node leaves, so another one takes its clients. */
  readonly leaving: boolean
  /** What the client is told; `undefined`: nothing is wrong with it. */
  readonly error: SluiceError | undefined
  /** The cursor to come back with, where it is not the one that it has. */
  readonly cursor: string | undefined
}

export interface HttpTransport {
  readonly name: TransportName
  readonly contentType: string
  /** What the client shows for having been here before. */
  cursorOf(head: RequestHead): string | undefined
  /** Whether it is a client that would not understand a status: its request may be turned away by an answer only. */
  isBlind(head: RequestHead): boolean
  /** Reads what is said of the transport itself; answers what begins it once it is known who asks. Fails with `bad_request`. */
  asked(head: RequestHead): (exchange: HttpExchange, user: string, headers: ResponseHeaders) => HttpConnection
  /** Answers in a way that makes the client come back by itself. False: a status says it best. */
  turnAway(exchange: HttpExchange, away: TurnedAway, cors: ResponseHeaders): boolean
}

export type HttpTransportClass = new (context: StreamContext) => HttpTransport
