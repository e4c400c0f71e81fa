/**
 * Who sees what becomes of connections: the log, which has a line for the begin and the end of each, and the flight recorder,
 * which tells whoever follows a user all of it. Rooms that carry messages know neither; while nobody follows anybody,
 * each place costs them the one question whether there is a `tap`.
 */
import type { Account } from './account.ts'
import type { ClientFrame, Position, ServerFrame } from '../protocol/frames.ts'
import type { Encoded } from '../protocol/encode.ts'
import type { EncodedReset } from '../protocol/encoded-reset.ts'

/** A session, as much of it as is told. */
export interface SeenSession {
  readonly id: string
  readonly user: string
  readonly connection: { readonly transport: 'websocket' | 'sse' | 'poll' }
  subscriptions(): Iterable<SeenSubscription>
}

export interface SeenSubscription {
  readonly live: boolean
  readonly position: Position | undefined
  readonly source: { readonly name: string }
}

/** Of a client frame nobody looks at more than this. */
type SeenFrame = Pick<ClientFrame, 'type'> | Extract<ClientFrame, { readonly type: 'ack' }>

/** For as long as somebody follows a user. An outlet is the connection of a session. */
export interface Tap {
  /** A message has been handed to all who are live on a channel. */
  fannedOut(channel: string, encoded: Encoded): void
  /** A message has been handed to one connection alone. */
  delivered(outlet: object, encoded: Encoded): void
  reset(outlet: object, reset: EncodedReset): void
  sent(session: SeenSession | undefined, frame: ServerFrame): void
  received(session: SeenSession, frame: SeenFrame): void
  ended(session: SeenSession, reason: string): void
}

export interface Witness {
  readonly tap: Tap | undefined
  /** A session has its connection. `undefined`: nothing of it is counted. */
  began(session: SeenSession, resume: string): Account | undefined
  /** Once, behind everything that the connection has carried. `reason`: as for `disconnectReason`, or `answered`. */
  ended(session: SeenSession, account: Account | undefined, reason: string): void
}

/** Sees nothing. For rooms that run alone, in tests and benches. */
export const noWitness: Witness = { tap: undefined, began: () => undefined, ended() {} }
