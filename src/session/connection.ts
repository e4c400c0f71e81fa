/**
 * A client's link as a session sees it: a subscriber for messages that is also told what becomes of the session, and can be ended.
 *
 * It keeps (test/conformance/connection.suite.ts): T1 to T8.
 */
import type { Session } from './session.ts'
import type { Start, Welcome } from './welcome.ts'
import type { Closing } from '../errors.ts'
import type { Subscriber } from '../hub/subscriber.ts'
import type { Entry } from '../presence/info.ts'

/** The client shall go to another node. */
export interface MoveOrder {
  /** When, from now. */
  readonly delayMs: number
  /** By then it has gone, or is closed. */
  readonly deadlineMs: number
  readonly reason: 'drain' | 'move'
  /** Where clients reach the nodes that it shall go to: `wss://host`, without a path. Absent: where it came from. */
  readonly to?: string
}

export type UnsubscribedBy = 'token' | 'backend'

export interface Connection extends Subscriber {
  /** The client has gone or was closed; everything that is sent from here on goes nowhere. */
  readonly closed: boolean
  /** With so many channels beside the inbox its client can come back. Absent: with any number. */
  readonly channelsMax?: number | undefined
  /** Whether it stays with its node. The next request of one that does not may come to any. */
  readonly stays: boolean
  /**
   * The session that this connection now holds, with every channel that it was found. Called once, before any message. What is
   * carried from then on is counted in its account.
   */
  joined(session: Session, welcome: Welcome): void
  /** A subscription begins that a backend has made, before its first message. */
  subscribed(channel: string, start: Start): void
  /**
   * A subscription ends that the client did not end: its fresh token does not allow the channel, or a backend has taken it off. Told
   * before it has ended.
   */
  unsubscribed(channel: string, why: UnsubscribedBy): void
  /**
   * As whom the session is in a channel that keeps presence, where that is not as its user. `said`: what a backend says of it there, as
   * JSON. Absent: as its user.
   */
  entryIn?(session: Session, channel: string, said: string | undefined): Entry | undefined
  /** The client shall bring a fresh token within this time. */
  reauth(deadlineMs: number): void
  /**
   * `asked`: it makes a new connection, and closes this one when that one serves. `leaves`: its protocol or transport has no
   * such word: to be ended when its moment has come.
   */
  move(order: MoveOrder): 'asked' | 'leaves'
  /** Ends the connection with the reason, in the way of the transport. Idempotent. */
  end(closing: Closing): void
}

/** The client has left: nobody is there to be told anything. */
export class ConnectionGone extends Error {}
