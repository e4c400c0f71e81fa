/**
 * A read that waits for what comes, as the hub sees it: a subscriber without a session.
 */
import type { Fanout, StreamFanout } from '../../hub/fanout.ts'
import type { Subscriber } from '../../hub/subscriber.ts'
import type { Encoded } from '../../protocol/encoded.ts'

export interface Following {
  /** Whether one more may be given to it now. */
  hasRoom(): boolean
  message(encoded: Encoded): void
  /** Something before the end of the channel is not to be had any more. */
  lost(): void
}

export class Follower implements Subscriber, StreamFanout {
  readonly transport: 'sse' | 'poll'
  readonly exclusionKey = undefined
  readonly size = 1
  readonly #following: Following

  constructor(transport: 'sse' | 'poll', following: Following) {
    this.transport = transport
    this.#following = following
  }

  hasRoom(): boolean {
    return this.#following.hasRoom()
  }

  deliver(encoded: Encoded): void {
    this.#following.message(encoded)
  }

  message(_channel: string, encoded: Encoded): void {
    this.#following.message(encoded)
  }

  /** Who comes and goes is no part of a stream. */
  event(): void {}

  reset(): void {
    this.#following.lost()
  }

  attach(fanout: Fanout): void {
    fanout.addStreams(this)
  }

  detach(fanout: Fanout): void {
    fanout.removeStreams(this)
  }

  stepAside(fanout: Fanout): undefined {
    this.detach(fanout)
  }

  closeTooSlow(): void {
    this.#following.lost()
  }
}
