/**
 * A message inside the gateway: what the log stores, the backbone carries and a feed orders.
 * The payload is opaque: JSON text is never parsed after the door where it came in.
 */
import type { Position } from './position.ts'
import type { Metadata } from './metadata.ts'

export interface Payload {
  /** UTF-8 JSON text on one line, or raw bytes where `binary`. */
  readonly data: Uint8Array
  readonly binary: boolean
}

export interface NewMessage extends Payload {
  /** Idempotency id of the publisher. */
  readonly id: string | undefined
  /** The user who has published it, as the gateway knows from the token. Absent: a backend has. */
  readonly from?: string | undefined
  /** Absent: there is none. In one object, since most messages have none. */
  readonly meta?: Metadata | undefined
  /** When the publish was accepted, milliseconds since 1970. */
  readonly time: number
  /** The span of its publish, where it is traced (`tracing.ts`). On its way only: no log keeps it. */
  readonly trace?: string
}

/** A message of an ephemeral channel: no log, no position. */
export interface EphemeralMessage extends NewMessage {
  readonly kind: 'ephemeral'
  readonly channel: string
}

export interface LoggedMessage extends NewMessage, Position {
  readonly kind: 'logged'
  readonly channel: string
  /** The offset of the message before this one in the same epoch, so that a hole shows. */
  readonly previous: number
  /** Whether a client is asked to acknowledge it (`durable` channels). */
  readonly ack: boolean
}

export type Message = EphemeralMessage | LoggedMessage
