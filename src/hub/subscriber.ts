/**
 * One connection as the hub sees it: where messages for this client go, and how much room there is.
 */
import type { Fanout } from './fanout.ts'
import type { Encoded } from '../protocol/encoded.ts'
import type { EncodedReset } from '../protocol/encoded-reset.ts'
import type { Form } from '../protocol/form.ts'
import type { TransportName } from '../protocol/transport-name.ts'

/** A client that is on native topics. */
export interface TopicMember {
  /** To all others who are on the topic. */
  publish(topic: string, message: Uint8Array, binary: boolean): unknown
}

/** A member of a native topic that does not get a message. */
export interface Spared {
  readonly member: TopicMember
  readonly form: Form
}

export interface Subscriber {
  readonly transport: TransportName
  /** As the `exclude` of a message names it. `undefined`: none does. */
  readonly exclusionKey: string | undefined
  /** Whether one more message may be queued for this client now. Where not, `Subscription.resume` is called when there is room again. */
  hasRoom(): boolean
  /** One message to this client alone: a replay, or what it missed while it was slow. */
  deliver(encoded: Encoded): void
  /** The client may have missed something before the position. */
  reset(reset: EncodedReset): void
  /** The client has everything up to the feed's position and takes part in the fan-out from now on. */
  attach(fanout: Fanout, channel: string): void
  /** Takes it off the fan-out. Called while live only, also after the connection has closed. */
  detach(fanout: Fanout, channel: string): void
  /**
   * The next message of a channel is not for this client; called while it is live on it only. Who is on native topics answers by which
   * member to leave out, and stays; any other leaves the fan-out, and `attach` is called right after the message.
   */
  stepAside(fanout: Fanout, channel: string, encoded: Encoded): Spared | undefined
  /** The channel's policy is to close slow clients. */
  closeTooSlow(channel: string): void
}
