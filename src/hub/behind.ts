/**
 * Where a subscription is that is not live.
 */
import type { Position } from '../protocol/position.ts'

/** Follows a resume until the client has caught up or gone. */
export interface Replay {
  replayed(): void
  /** Once for each subscription. */
  ended(): void
}

/** Where one is that is not live. Who is live needs none of it, and that is nearly everybody. */
export interface Behind {
  /** It has been told where it starts. Before it gets nothing. */
  begun: boolean
  /** Where the client is; `undefined` on ephemeral channels. */
  position: Position | undefined
  reading: boolean
  /** Its buffer was full: only by that it falls behind once it was live. */
  readonly slow: boolean
  /** Until it is live for the first time. */
  replay: Replay | undefined
}

export function behindAt(position: Position | undefined, why: 'opened' | 'slow'): Behind {
  const slow = why === 'slow'
  return { begun: slow, position, reading: false, slow, replay: undefined }
}
