/**
 * Who sees what becomes of connections: the log, which has a line for the begin and the end of each, and the flight recorder,
 * which tells whoever follows a user all of it. Rooms that carry messages know neither; while nobody follows anybody,
 * each place costs them the one question whether there is a `tap`.
 */
import type { Account } from './account.ts'
import type { Ended } from '../errors.ts'
import type { Encoded } from '../protocol/encoded.ts'
import type { EncodedReset } from '../protocol/encoded-reset.ts'
import type { Position } from '../protocol/position.ts'
import type { TransportName } from '../protocol/transport-name.ts'

/** A session, as much of it as is told. */
export interface SeenSession {
  readonly id: string
  readonly user: string
  /** `stays`: over more than one answer. */
  readonly connection: { readonly transport: TransportName; readonly stays: boolean }
  subscriptions(): Iterable<SeenSubscription>
}

/** How somebody came, as it is told. */
export interface Came {
  /** Whether an older session goes on. */
  readonly resume: 'new' | 'resumed' | 'unknown_session'
  /** What the client says it is. */
  readonly client: string | undefined
}

export interface SeenSubscription {
  readonly live: boolean
  readonly position: Position | undefined
  readonly source: { readonly name: string }
}

/** What is told of a session, by its name in the trace. */
export type ToldType =
  'connected' | 'subscribed' | 'unsubscribed' | 'published' | 'error' | 'move' | 'reauth' | 'authenticated'

/** For as long as somebody follows a user. A subscriber is the connection of a session. */
export interface Tap {
  /** A message has been handed to all who are live on a channel. */
  fannedOut(channel: string, encoded: Encoded): void
  /** A message has been handed to one connection alone. */
  delivered(subscriber: object, encoded: Encoded): void
  reset(subscriber: object, reset: EncodedReset): void
  /** What a session was told, or refused, whatever its dialect made of it. */
  told(session: SeenSession, type: ToldType, fields: object): void
  acknowledged(session: SeenSession, channel: string, offset: number): void
  ended(session: SeenSession, ended: Ended): void
}

export interface Witness {
  readonly tap: Tap | undefined
  /** A session has its connection. Answers since when it is counted what that carries; `undefined`: it is not. */
  began(session: SeenSession, came: Came): number | undefined
  /** Once, behind everything that the connection has carried. */
  ended(session: SeenSession, account: Account | undefined, ended: Ended): void
}

/** Sees nothing. For rooms that run alone, in tests and benches. */
export const noWitness: Witness = { tap: undefined, began: () => undefined, ended() {} }
