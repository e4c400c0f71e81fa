/**
 * One connection as the hub sees it: where messages for this client go, and how much room there is.
 */
import type { Encoded } from '../protocol/encode.ts'
import type { EncodedReset } from '../protocol/encoded-reset.ts'
import type { Carried } from '../observe/account.ts'

export type Transport = 'websocket' | 'sse' | 'poll'

/** A client that is on native topics. */
export interface TopicMember {
  /** To all others who are on the topic. */
  publish(topic: string, message: Uint8Array, binary: boolean): unknown
}

export interface Outlet {
  readonly transport: Transport
  /** As the `exclude` of a message names it. `undefined`: none does. */
  readonly exclusionKey: string | undefined
  /** Whether one more message may be queued for this client now. Where not, `Subscription.resume` is called when there is room again. */
  hasRoom(): boolean
  /** One message to this client alone: a replay, or what it missed while it was slow. */
  deliver(encoded: Encoded): void
  /** The client may have missed something before the position. */
  reset(reset: EncodedReset): void
  /** The client has everything up to the feed's position and takes part in the fan-out from now on. */
  goLive(fanout: Fanout): void
  /** Takes it off the fan-out. Called while live only, also after the connection has closed. */
  leaveLive(fanout: Fanout): void
  /**
   * The next message of a channel is not for this client; called while it is live on it only. Who is on native topics answers by which
   * member to leave out, and stays; any other leaves the fan-out, and `goLive` is called right after the message.
   */
  stepAside(fanout: Fanout, encoded: Encoded): TopicMember | undefined
  /** The channel's policy is to close slow clients. */
  closeTooSlow(channel: string): void
}

/** A set of streams that get the same bytes: what an SSE or poll transport puts beside the native topics. */
export interface StreamFanout {
  readonly transport: 'sse' | 'poll'
  readonly size: number
  message(channel: string, encoded: Encoded): void
}

/** Who is live on a channel, as a link of a list: objects of its own would cost every subscription more than that. */
export interface LiveMember {
  previousLive: LiveMember | undefined
  nextLive: LiveMember | undefined
  /** The channel has lost something, and everybody who is live on it is told. */
  resetLive(reset: EncodedReset): void
}

/** The live subscribers of one channel. WebSockets are members of the native topic of that name; only their number is kept here. */
export class Fanout implements Carried {
  readonly channel: string
  nativeCount = 0
  messages = 0
  bytes = 0
  #streams: Set<StreamFanout> | undefined
  #live: LiveMember | undefined

  constructor(channel: string) {
    this.channel = channel
  }

  get streams(): ReadonlySet<StreamFanout> | undefined {
    return this.#streams
  }

  /** For what is told to each alone. A copy: who is told may leave. */
  get live(): LiveMember[] {
    const members = []
    for (let member = this.#live; member !== undefined; member = member.nextLive) members.push(member)
    return members
  }

  addLive(member: LiveMember): void {
    member.nextLive = this.#live
    if (this.#live !== undefined) this.#live.previousLive = member
    this.#live = member
  }

  removeLive(member: LiveMember): void {
    const { previousLive, nextLive } = member
    if (previousLive === undefined) this.#live = nextLive
    else previousLive.nextLive = nextLive
    if (nextLive !== undefined) nextLive.previousLive = previousLive
    member.previousLive = member.nextLive = undefined
  }

  addStreams(streams: StreamFanout): void {
    ;(this.#streams ??= new Set()).add(streams)
  }

  removeStreams(streams: StreamFanout): void {
    this.#streams?.delete(streams)
    if (this.#streams?.size === 0) this.#streams = undefined
  }
}
