/**
 * Where a subscription is: live, which is one number, or behind.
 */
import { Unacknowledged } from './deliveries.ts'
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
  /** On a durable channel, from the first message that it may acknowledge. */
  open: Unacknowledged | undefined
}

export function behindAt(position: Position | undefined, why: 'opened' | 'slow'): Behind {
  const slow = why === 'slow'
  return { begun: slow, position, reading: false, slow, replay: undefined, open: undefined }
}

/**
 * Live, the number of the first message of the topics that is for this client: its place is the feed's. On a durable channel, from the first
 * message that it may acknowledge, what has that number too. `undefined`: it is closed.
 */
export type Whereabouts = Behind | Unacknowledged | number | undefined

export function isLive(at: Whereabouts): at is Unacknowledged | number {
  return typeof at === 'number' || at instanceof Unacknowledged
}

export function behindOf(at: Whereabouts): Behind | undefined {
  return isLive(at) ? undefined : at
}

export function stateOf(at: Whereabouts): 'opened' | 'behind' | 'live' | 'closed' {
  if (isLive(at)) return 'live'
  if (at === undefined) return 'closed'
  return at.begun ? 'behind' : 'opened'
}

export function openOf(at: Whereabouts): Unacknowledged | undefined {
  return at instanceof Unacknowledged ? at : behindOf(at)?.open
}

export function liveFrom(sequence: number, open: Unacknowledged | undefined): Whereabouts {
  if (open === undefined) return sequence
  open.liveSince = sequence
  return open
}

/** The same, with what it may acknowledge or without. */
export function withOpen(at: Whereabouts, open: Unacknowledged | undefined): Whereabouts {
  if (isLive(at)) return liveFrom(typeof at === 'number' ? at : at.liveSince, open)
  if (at !== undefined) at.open = open
  return at
}
