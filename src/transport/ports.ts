/**
 * What the transports need of other rooms, as narrow as they use it.
 */
import type { Admission } from '../admission/admission.ts'
import type { Clock } from '../clock.ts'
import type { LinkAnswer, LinkRequest } from '../cluster/link-relay.ts'
import type { Caught } from '../errors.ts'
import type { Hub } from '../hub/hub.ts'
import type { Witness } from '../observe/witness.ts'
import type { ErrorCode } from '../protocol/error-code.ts'
import type { Ticket } from '../protocol/ticket.ts'
import type { Seal } from '../seal.ts'
import type { TransportName } from '../protocol/transport-name.ts'
import type { Sessions } from '../session/sessions.ts'
import type { Wheel } from '../wheel.ts'

export interface TransportMetrics {
  bytesIn(transport: TransportName, bytes: number): void
  bytesOut(transport: TransportName, bytes: number): void
  frameIn(): void
  protocolError(code: ErrorCode): void
  ephemeralDropped(count: number): void
  limitHit(limit: 'frame' | 'connect_timeout' | 'buffered' | 'channels_per_stream'): void
}

export interface TicketOffice {
  /** For the user with this tag. */
  give(ownerTag: string): Ticket
  /** Whether one of that hour should be replaced. */
  isOld(hour: number): boolean
}

/** What links need of the cluster. */
export interface LinkPorts {
  readonly nodeId: string
  /** By which every node knows a credential that one of them has given. */
  readonly seal: Seal
  /** Asks the node that holds the link. Never fails: what goes wrong is an answer. */
  relay(node: string, request: LinkRequest, timeoutMs: number): Promise<LinkAnswer>
  /** Who answers for the links of this node. Called once. */
  holds(holder: { serve(request: LinkRequest): Promise<LinkAnswer> }): void
}

export interface TransportPorts {
  readonly sessions: Sessions
  readonly hub: Hub
  readonly admission: Pick<Admission, 'charge' | 'connected' | 'disconnected' | 'take'>
  readonly tickets: TicketOffice
  readonly clock: Clock
  readonly wheel: Wheel
  readonly metrics: TransportMetrics
  readonly witness: Pick<Witness, 'tap'>
  /** What the last cursor says of a client that this node sends away; `undefined`: it does not. */
  departureOf(session: string): string | undefined
  /** Something failed that is nobody's mistake but ours. */
  failed(what: string, error: unknown): void
  readonly caught: Caught
}

export interface TransportOptions {
  readonly frameBytesMax: number
  readonly jsonDepthMax: number
  readonly bufferedBytesMax: number
  /** `Infinity`: nothing is compressed. */
  readonly compressFromBytes: number
  readonly connectTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly sseHeartbeatMs: number
  readonly retryMinMs: number
  readonly retryMaxMs: number
}
