/**
 * Where the client is on one channel, and which messages it has not shown yet. Pure.
 *
 *  T1 a message is shown once: what is not beyond the position is dropped, over whichever connection it comes
 *  T2 nothing is shown before the gateway has said where the channel starts on the serving socket
 *  T3 the position never jumps over what was not shown, but for a `reset`, which the application is told of
 */
import type { Position } from '../protocol/position.ts'

/** Of `subscribed`, or of a channel in `welcome`. */
export interface Start {
  readonly epoch?: string
  readonly offset?: number
  readonly recovered: boolean
}

/** `undefined`: of an ephemeral channel. */
export function positionOf({
  epoch,
  offset,
}: {
  readonly epoch?: string | undefined
  readonly offset?: number | undefined
}): Position | undefined {
  return epoch === undefined || offset === undefined ? undefined : { epoch, offset }
}

/** Whether what goes up to a position contains another one. */
export function isWithin(position: Position | undefined, contained: Position | undefined): boolean {
  return position?.epoch === contained?.epoch && (position?.offset as number) <= (contained?.offset as number)
}

export class Cursor {
  /** After the last message that was shown. `undefined`: not told yet, or an ephemeral channel. */
  position: Position | undefined
  /** Whether messages of the serving socket are expected. */
  live = false

  constructor(position: Position | undefined) {
    this.position = position
  }

  starts(start: Start): void {
    this.live = true
    const here = this.position
    const there = positionOf(start)
    // An ephemeral channel, a fresh subscription, or one whose epoch the new node counts otherwise: the stream goes on from there.
    if (!there || here === undefined || (start.recovered && here.epoch !== there.epoch)) this.position = there
    // Recovered: replayed from where the client was when it asked; it may have seen more since. Not recovered: the
    // `reset` that follows brings the position. Taken now, it would hide the loss if the connection were cut in between.
  }

  /** Whether to show a message; if so, the position is after it. */
  shows(offset: number | undefined): boolean {
    const here = this.position
    if (!this.live) return false
    // Without a place in the log it cannot come twice: it is not replayed.
    if (offset === undefined || here === undefined) return true
    if (offset <= here.offset) return false
    this.position = { ...here, offset }
    return true
  }

  reset(reset: Position): void {
    this.position = positionOf(reset)
  }
}
