/**
 * How far each user has acknowledged each durable channel: a subscribe without a position starts after it, so what is
 * not acknowledged is delivered again.
 *
 * Every implementation keeps (test/conformance/acks.suite.ts):
 *  A1 an acknowledgement is of everything up to its position: the furthest counts, in whatever order they come
 *  A2 users are apart, and so are channels, whatever they are called
 *  A3 a later epoch starts anew, at any offset; an acknowledgement of an earlier epoch changes nothing. The epochs of a
 *     durable log grow: a longer one is later, and of two that are equally long the one that is greater, character by
 *     character
 *  A4 `acked` knows what this process was told at once, and what others were told once they have written it
 *  A5 `close` writes what has not been written
 *
 * Fewer acknowledgements than were made may survive a failure, never more: then messages are delivered again.
 */
import type { Position } from '../protocol/position.ts'

export interface AckStore {
  /** Returns at once. It is written soon, together with those that follow shortly; while the store is away it waits. */
  ack(user: string, channel: string, epoch: string, offset: number): void
  /** `undefined`: none is known. Fails with `unavailable` within a time limit. */
  acked(user: string, channel: string): Promise<Position | undefined>
  /** Whether the store answers now. For health, never for control flow. */
  healthy(): boolean
  /** Idempotent. Does not fail where the store is away: what could not be written is lost. */
  close(): Promise<void>
}
