/**
 * The frames of `sluice.v1`, one JSON object each, told apart by `type`.
 *
 * A request carries `ref`, a number that the client chooses, and its reply repeats it. Types here are what crosses
 * the wire, nothing else; `decode.ts` turns unknown bytes into a `ClientFrame`, docs/protocol.md explains them.
 */
import type { ErrorCode } from '../../protocol/error-code.ts'
import type { From, Position, ResetReason } from '../../protocol/position.ts'

export const SUBPROTOCOL = 'sluice.v1'

export type ResumeMap = Readonly<Record<string, Position>>

/**
 * As whom a client is in a channel that keeps presence: with what it says of its user, or `false`, not at all. `at`: when it was
 * said, as the gateway told then; absent: now.
 */
export type EnterField = { readonly data?: unknown; readonly at?: number } | false

export interface ConnectFrame {
  readonly type: 'connect'
  readonly token?: string
  readonly session?: string
  readonly resume?: ResumeMap
  /** Of channels in `resume`. */
  readonly enter?: Readonly<Record<string, EnterField>>
  readonly client?: { readonly name: string; readonly version: string }
}
export interface SubscribeFrame {
  readonly type: 'subscribe'
  readonly ref: number
  readonly channel: string
  readonly from?: From
  readonly enter?: EnterField
}
export interface UnsubscribeFrame {
  readonly type: 'unsubscribe'
  readonly ref: number
  readonly channel: string
}
export interface PublishFrame {
  readonly type: 'publish'
  readonly ref: number
  readonly channel: string
  readonly data: unknown
  readonly id?: string
  /** What the message is, as everybody who gets it is shown. */
  readonly event?: string
}
export interface AckFrame {
  readonly type: 'ack'
  readonly channel: string
  readonly offset: number
}
export interface AuthFrame {
  readonly type: 'auth'
  readonly ref: number
  readonly token: string
}
/** The user is in the channel, if he was not, and says this of himself; what was said before is taken back. */
export interface EnterFrame {
  readonly type: 'enter'
  readonly ref: number
  readonly channel: string
  readonly data?: unknown
  /** As in `EnterField`. */
  readonly at?: number
}
/** The user is not in the channel by this connection, which stays subscribed. */
export interface LeaveFrame {
  readonly type: 'leave'
  readonly ref: number
  readonly channel: string
}
export interface PresenceFrame {
  readonly type: 'presence'
  readonly ref: number
  readonly channel: string
}
/** A page of a channel's log: the newest messages, those before a position, or those after one. */
export interface HistoryFrame {
  readonly type: 'history'
  readonly ref: number
  readonly channel: string
  /** Of messages: 50 unless said, at most 100. */
  readonly limit?: number
  readonly before?: Position
  readonly after?: Position
}
/** The client offers to acknowledge a message of the channel; or acknowledges it, where the reply before this was without `pause`. */
export interface ProbeFrame {
  readonly type: 'probe'
  readonly ref: number
  readonly channel: string
}
export interface PingFrame {
  readonly type: 'ping'
  readonly ref?: number
}

export type ClientFrame =
  | ConnectFrame
  | SubscribeFrame
  | UnsubscribeFrame
  | PublishFrame
  | AckFrame
  | AuthFrame
  | EnterFrame
  | LeaveFrame
  | PresenceFrame
  | HistoryFrame
  | ProbeFrame
  | PingFrame

/**
 * What became of one channel of a `resume`. `recovered: true`: every message after the given position follows.
 * With `error` the channel was not restored at all. `recovered: false` without it: no position was given or the channel
 * has none; or, where one was given, a `reset` follows.
 */
export type Restored =
  | {
      readonly epoch?: string
      readonly offset?: number
      readonly recovered: boolean
      /** A backend has put the user on it; the client may not have asked for it. */
      readonly byBackend?: true
    }
  | { readonly recovered: false; readonly error: ErrorCode }

/** What the gateway takes of this client. */
export interface Limits {
  /** Bytes of a frame. More closes the connection with 1009. */
  readonly frame: number
  /** Bytes of the `data` of a publish. */
  readonly payload: number
  /** Channels of a session, beside the inbox. */
  readonly subscriptions: number
  /** Bytes of the `data` of `enter`. Absent: the gateway is of a version that takes none. */
  readonly presenceData?: number
}

export interface WelcomeFrame {
  readonly type: 'welcome'
  readonly session: string
  readonly user: string
  readonly node: string
  readonly resumed: boolean
  readonly channels: Readonly<Record<string, Restored>>
  /** Milliseconds between the client's pings. */
  readonly pingInterval: number
  /** Shown in the URL of the next connection, it goes before newcomers. A text of the gateway's. */
  readonly ticket?: string
  /** Absent: the gateway is of a version that does not tell. */
  readonly limits?: Limits
  /** Milliseconds since 1970. */
  readonly expiresAt?: number
}
/**
 * The position is where the subscription starts: every message after it follows. An ephemeral channel has none. Without `ref`
 * a backend has put the user on the channel.
 */
export interface SubscribedFrame {
  readonly type: 'subscribed'
  readonly ref?: number
  readonly channel: string
  readonly epoch?: string
  readonly offset?: number
  readonly recovered: boolean
  /** When what was said with `enter` counts as said. */
  readonly at?: number
  readonly byBackend?: true
}
/** Without `ref` the gateway ended the subscription: the fresh token does not allow the channel any more, or a backend has ended it. */
export interface UnsubscribedFrame {
  readonly type: 'unsubscribed'
  readonly ref?: number
  readonly channel: string
  readonly byBackend?: true
}
export interface MessageFrame {
  readonly type: 'message'
  readonly channel: string
  readonly offset?: number
  readonly data: unknown
  readonly id?: string
  /** The user who has published it, as the gateway knows; absent where a backend has. */
  readonly from?: string
  /** What the message is, as its publisher says. */
  readonly event?: string
  /** Short texts by name, of a backend. */
  readonly headers?: Readonly<Record<string, string>>
  /** When the publish was accepted, milliseconds since 1970. */
  readonly time: number
  readonly ack?: true
}
export interface PublishedFrame {
  readonly type: 'published'
  readonly ref: number
  /** What a backend has answered to whom it was forwarded. */
  readonly data?: unknown
  readonly epoch?: string
  readonly offset?: number
  readonly duplicate?: boolean
}
export interface ResetFrame {
  readonly type: 'reset'
  readonly channel: string
  readonly epoch: string
  readonly offset: number
  readonly reason: ResetReason
  /** Milliseconds after which the state is fetched anew: everybody has another. Absent: the gateway is of a version that does not tell. */
  readonly delay?: number
}
export interface ReconnectFrame {
  readonly type: 'reconnect'
  readonly delay: number
  readonly deadline: number
  readonly reason: 'drain' | 'overload' | 'move'
  readonly url?: string
}
export interface ReauthFrame {
  readonly type: 'reauth'
  /** Milliseconds from now within which a fresh token must arrive. */
  readonly deadline: number
}
/** Somebody has come, has gone, or says something else of himself. */
export interface JoinFrame {
  readonly type: 'join' | 'leave' | 'update'
  readonly channel: string
  readonly user: string
  /** What the user says of himself; of one who leaves, what he said. */
  readonly data?: unknown
  /** How many are in the channel now. */
  readonly count?: number
}
export interface EnteredFrame {
  readonly type: 'entered'
  readonly ref: number
  readonly channel: string
  /** When it counts as said. Absent: a client that left. */
  readonly at?: number
}
export interface PresenceReplyFrame {
  readonly type: 'presence'
  readonly ref: number
  readonly channel: string
  readonly users: readonly string[]
  /** What those say of themselves who have said something. */
  readonly data?: Readonly<Record<string, unknown>>
  /** There is more data than one reply holds: that of some is left out. */
  readonly partial?: true
}
/** The position is the log's head. Messages are oldest first, binary data in them as base64, as other transports carry it. */
export interface HistoryReplyFrame {
  readonly type: 'history'
  readonly ref: number
  readonly channel: string
  readonly epoch: string
  readonly offset: number
  readonly messages: readonly (MessageFrame & { readonly encoding?: 'base64' })[]
  /** There are more in the direction that was asked for. */
  readonly more: boolean
  /** What was asked for is not there any more: there are no messages. */
  readonly reset?: ResetReason
}
export interface AuthenticatedFrame {
  readonly type: 'authenticated'
  readonly ref: number
  /** The one to show from now on. */
  readonly ticket?: string
  readonly expiresAt?: number
}
export interface ErrorFrame {
  readonly type: 'error'
  readonly ref?: number
  readonly code: ErrorCode
  readonly message: string
  readonly retryable: boolean
}
/** Without `pause` a message of the channel was just written: the next request acknowledges it. */
export interface ProbeReplyFrame {
  readonly type: 'probe'
  readonly ref: number
  /** Milliseconds until the next request. */
  readonly pause?: number
}
export interface PongFrame {
  readonly type: 'pong'
  readonly ref?: number
}

export type ServerFrame =
  | WelcomeFrame
  | SubscribedFrame
  | UnsubscribedFrame
  | MessageFrame
  | PublishedFrame
  | ResetFrame
  | ReconnectFrame
  | ReauthFrame
  | JoinFrame
  | EnteredFrame
  | PresenceReplyFrame
  | HistoryReplyFrame
  | AuthenticatedFrame
  | ErrorFrame
  | ProbeReplyFrame
  | PongFrame
