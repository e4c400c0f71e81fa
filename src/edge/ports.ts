/**
 * What the edge needs of other rooms, as narrow as it uses it.
 */
import type { LocalHosts } from './local-hosts.ts'
import type { Clock } from '../clock.ts'
import type { Hub } from '../hub/hub.ts'
import type { Transport } from '../hub/outlet.ts'
import type { Caught } from '../errors.ts'
import type { ErrorCode } from '../protocol/codes.ts'
import type { Ticket } from '../protocol/ticket.ts'
import type { Sessions } from '../session/sessions.ts'
import type { Wheel } from '../wheel.ts'

/** What one connection sends us: each answers whether it is within its limits. */
export interface Meter {
  take(bytes: number): boolean
}

/** The answer to a connection attempt. `wait`: it stands in the queue until `decided` is called. */
export interface Admission {
  /**
   * Decides now or later; `decided` is called exactly once, unless `cancel` was called before.
   * `resume`: the client is known, and goes before newcomers.
   */
  ask(attempt: { address: string; resume: boolean }, decided: (verdict: Verdict) => void): { cancel(): void }
  /** Whether what an attempt shows for having been here before is good, and worth something still. Once for each attempt. */
  knows(ticket: Ticket | undefined): boolean
  /** Nothing came of an attempt: a token that was refused, a WebSocket that never said who it is, or left before. */
  charge(address: string, why: 'token' | 'silent' | 'left'): void
  connected(transport: Transport): void
  disconnected(transport: Transport, reason: string): void
  meter(): Meter
}

export type Verdict =
  | { readonly kind: 'admit' }
  | {
      readonly kind: 'refuse'
      readonly reason: string
      readonly retryAfterMs: number
      readonly tooMany: boolean
    }

export interface EdgeMetrics {
  bytesIn(transport: Transport, bytes: number): void
  bytesOut(transport: Transport, bytes: number): void
  frameIn(): void
  protocolError(code: ErrorCode): void
  refused(reason: 'origin' | 'subprotocol' | 'outdated'): void
  ephemeralDropped(count: number): void
  limitHit(limit: 'frame' | 'connect_timeout' | 'buffered' | 'channels_per_stream'): void
}

export interface TicketOffice {
  /** For the user with this tag. */
  give(ownerTag: string): Ticket
  /** Whether one of that hour should be replaced. */
  isOld(hour: number): boolean
}

export interface EdgePorts {
  readonly sessions: Sessions
  readonly hub: Hub
  readonly admission: Admission
  readonly tickets: TicketOffice
  readonly clock: Clock
  readonly wheel: Wheel
  readonly metrics: EdgeMetrics
  /**
   * Whether a client that moves, and has been turned away so often before, shall go to another node. `served`: its old
   * connection serves it meanwhile.
   */
  turnsAway(turns: number, served: boolean): boolean
  /** What the last cursor says of a client that this node sends away; `undefined`: it does not. */
  departureOf(session: string): string | undefined
  /** What a peer does wrong: a line a second at most. `kind` is a constant sentence. */
  mistake(kind: string, fields: object): void
  /** Something failed that is nobody's mistake but ours. */
  failed(what: string, error: unknown): void
  readonly caught: Caught
}

export interface EdgeOptions {
  /** Exact origins, or `*` for any. */
  readonly allowedOrigins: readonly string[]
  /** `undefined`: the node is not for development, and its names are the balancer's business. */
  readonly localHosts: LocalHosts | undefined
  /** Addresses and networks whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[]
  /** Whether they send a PROXY header, which is believed too. */
  readonly proxyProtocol: boolean
  readonly tokenCookie: string
  readonly frameBytesMax: number
  readonly jsonDepthMax: number
  readonly bufferedBytesMax: number
  readonly channelsPerStreamMax: number
  /** Of the first line and the headers of a request. */
  readonly headBytesMax: number
  readonly connectTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly sseHeartbeatMs: number
  readonly retryMinMs: number
  readonly retryMaxMs: number
}
