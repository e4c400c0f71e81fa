/**
 * What a client is told when it is connected and when it subscribes, as values: how that is said is its dialect's business.
 */
import type { SluiceError } from '../errors.ts'
import type { Encoded } from '../protocol/encoded.ts'
import type { ErrorCode } from '../protocol/error-code.ts'
import type { Position } from '../protocol/position.ts'

/** Where a subscription starts: every message after the position follows. */
export interface Start {
  /** `undefined`: an ephemeral channel, or one that is not subscribed to. */
  readonly position: Position | undefined
  /** Nothing is missing since the place that the client gave. */
  readonly recovered: boolean
  /** When what the client said of its user was said, as `Statement.at` takes it. */
  readonly at?: number | undefined
  /** What a backend that has made the subscription tells the client with it, as JSON. */
  readonly data?: string | undefined
}

/** What follows a start and is at hand. Whoever tells the client of both at once takes it; what he leaves follows by itself. */
export interface Backlog {
  take(countMax: number, bytesMax: number): readonly Encoded[]
}

/** Tells a client where it starts. */
export type Told = (start: Start, backlog: Backlog) => void

/** What became of one channel that a connection was to be on. With `error` it is not. */
export type Found = Start & {
  readonly error: ErrorCode | undefined
  /** A backend has put the user on it. */
  readonly byBackend?: true
}

/** What the gateway takes of a client. */
export interface ClientLimits {
  /** Bytes of a frame. */
  readonly frame: number
  /** Bytes of the payload of a publish. */
  readonly payload: number
  /** Channels of a session, beside the inbox. */
  readonly subscriptions: number
  /** Bytes of what it says of its user on a channel. */
  readonly presenceData: number
}

export interface Welcome {
  readonly node: string
  /** An older session goes on. */
  readonly resumed: boolean
  readonly channels: ReadonlyMap<string, Found>
  readonly pingIntervalMs: number
  /** By which the client shows later that it was here. */
  readonly ticket: string
  readonly limits: ClientLimits
  /** What of the request was not taken, though the connection serves. */
  readonly refused: readonly SluiceError[]
}

/** A fresh token was taken. */
export interface Renewed {
  readonly ticket: string
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number | undefined
}
