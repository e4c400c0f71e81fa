/**
 * A subscription that was found a place to start, and has not begun.
 */
import { behindAt } from './behind.ts'
import type { Channel } from './channel.ts'
import type { Opening } from './channel-terms.ts'
import type { Subscriber } from './subscriber.ts'
import { Subscription } from './subscription.ts'
import type { Answer } from '../answer.ts'
import type { From } from '../protocol/position.ts'

export interface Opened extends Opening {
  readonly subscription: Subscription
}

export function openIn(channel: Channel, from: From | undefined, subscriber: Subscriber): Answer<Opened> {
  // Entered first: a channel that is being opened is not quiet.
  channel.entered()
  try {
    const opening = channel.open(from)
    return opening instanceof Promise
      ? openLater(channel, opening, subscriber)
      : opened(channel, opening, subscriber)
  } catch (error) {
    channel.left()
    throw error
  }
}

async function openLater(
  channel: Channel,
  opening: Promise<Opening>,
  subscriber: Subscriber,
): Promise<Opened> {
  try {
    return opened(channel, await opening, subscriber)
  } catch (error) {
    channel.left()
    throw error
  }
}

function opened(channel: Channel, { start, recovered, reset }: Opening, subscriber: Subscriber): Opened {
  // Field by field: an object that begins as a copy is given a shape of its own by V8, each time.
  return {
    start,
    recovered,
    reset,
    subscription: new Subscription(channel, subscriber, behindAt(start, 'opened')),
  }
}
