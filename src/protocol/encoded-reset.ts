/**
 * A `reset` with its text: all who are told it with the same delay share one.
 */
import { publicName } from './channel.ts'
import { encodeFrame } from './encode.ts'
import type { Position, ResetReason } from './frames.ts'

export interface Reset {
  /** By its internal name. */
  readonly channel: string
  readonly position: Position
  readonly reason: ResetReason
}

export class EncodedReset implements Reset {
  readonly channel: string
  readonly position: Position
  readonly reason: ResetReason
  /** The frame as one line of JSON. */
  readonly json: string

  /** The client fetches its state after `delayMs`, so that not all do at once. */
  constructor({ channel, position, reason }: Reset, delayMs: number) {
    this.channel = channel
    this.position = position
    this.reason = reason
    const { epoch, offset } = position
    this.json = encodeFrame({
      type: 'reset',
      channel: publicName(channel),
      epoch,
      offset,
      reason,
      delay: delayMs,
    })
  }
}
