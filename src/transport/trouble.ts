/** What few WebSockets ever need: those that read slowly, and those that are being closed. Made with the first trouble. */
import { OUTBOX_BYTES_MAX, type Outgoing } from './outbox.ts'
import type { CloseReason } from '../errors.ts'
import type { Subscription } from '../hub/subscription.ts'
import type { Published } from '../hub/turn-log.ts'
import type { Position } from '../protocol/position.ts'

export interface Trouble {
  /** The buffer is over its limit: nothing is sent until it is empty. */
  congested: boolean
  /** The socket is still on topics of which it has missed something. */
  missed: readonly Published[] | undefined
  outbox: Outgoing[] | undefined
  outboxBytes: number
  endReason: CloseReason | undefined
}

export function trouble(endReason?: CloseReason): Trouble {
  return { congested: false, missed: undefined, outbox: undefined, outboxBytes: 0, endReason }
}

/** Until the buffer is empty. False: too much waits already, nothing of it will be sent, and the connection has to end. */
export function keepWaiting(slow: Trouble, outgoing: Outgoing): boolean {
  slow.congested = true
  ;(slow.outbox ??= []).push(outgoing)
  slow.outboxBytes += outgoing.data.length
  if (slow.outboxBytes <= OUTBOX_BYTES_MAX) return true
  slow.outbox = undefined
  slow.endReason = 'tooSlow'
  return false
}

/**
 * Each that is live leaves its topic, with the place of the first message that did not get there. `publishing`, `before`: as of
 * `OverLimit`. Answers how many of them have no log to get it from.
 */
export function fallBehind(
  subscriptions: Iterable<Subscription>,
  missed: readonly Published[],
  publishing: string | undefined,
  before: Position | undefined,
): number {
  let lost = 0
  for (const subscription of subscriptions) {
    if (!subscription.live) continue
    const { name, position } = subscription.source
    const first = missed.find(
      ({ channel, sequence }) => channel === name && sequence >= subscription.liveSince,
    )
    if (position === undefined && first !== undefined) lost++
    subscription.fallBehind(first === undefined ? (name === publishing ? before : position) : first.before)
  }
  return lost
}
