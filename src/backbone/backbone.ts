/**
 * Carries a message to every node with a local subscriber, or to one named node. At most once and without order:
 * feeds repair from the log what is lost or comes out of order here.
 *
 * Every implementation keeps (test/conformance/backbone.suite.ts):
 *  B1 once `subscribe` has resolved, every message broadcast to the channel from any connected node reaches the sink
 *  B2 a node hears its own broadcasts like everybody else's
 *  B3 without a subscription, a channel's messages do not reach the sink
 *  B4 `unicast` reaches the named node only, whatever it is subscribed to
 *  B5 a message arrives as it was sent, byte for byte, and no part of it was parsed on the way
 *  B6 `control` carries opaque bytes to one node, or to all (the sender included), with the sender's id
 *  B7 nothing reaches the sink after `close` has resolved
 */
import type { Message } from '../protocol/message.ts'

/** What flows back. Given at construction; called for as long as the backbone is open, never re-entrantly. */
export interface BackboneSink {
  message(message: Message): void
  control(fromNode: string, payload: Uint8Array): void
  /** The backbone carries messages again after `disconnected`: what was broadcast in between may be lost. */
  connected(): void
  disconnected(): void
}

/** `degraded`: not every node can be reached now; the rest learns of the message by log repair. */
export type Sent = 'sent' | 'degraded'

export interface Backbone {
  /** Fails with `unavailable` only where the implementation cannot promise B1 later either. */
  subscribe(channel: string): Promise<void>
  unsubscribe(channel: string): void
  broadcast(message: Message): Sent
  unicast(node: string, message: Message): Sent
  /** `node` undefined: to all. */
  control(node: string | undefined, payload: Uint8Array): Sent
  /** Whether messages reach the other nodes now. For health, never for control flow. */
  healthy(): boolean
  /** Sends what is buffered first. Idempotent. */
  close(): Promise<void>
}
