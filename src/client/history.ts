/**
 * What a channel's log holds, and a state that is loaded and then kept up to date.
 */
import type { MessageFrame } from '../dialect/sluice-v1/frames.ts'
import type { Position, ResetReason } from '../protocol/position.ts'
import type { Handler, Message, SubscribeOptions, Subscription } from './channel.ts'
import { bytesOf } from './base64.ts'
import { isWithin, positionOf } from './cursor.ts'
import { broken, type ClientError } from './errors.ts'
import type { Later } from './retry.ts'

export interface HistoryOptions {
  /** At most so many messages: 50 unless said, 100 at the most. Large ones may be fewer. */
  readonly limit?: number
  /** The newest ones before this position: `page.messages[0].position` for the page before. */
  readonly before?: Position | undefined
  /** The oldest ones after this position. Not with `before`. */
  readonly after?: Position | undefined
}

export interface HistoryPage<Data = unknown> {
  /** Oldest first. */
  readonly messages: readonly Message<Data>[]
  /** Of the newest message of the channel. */
  readonly position: Position
  /** Whether the log has more in the direction of the request. */
  readonly more: boolean
  /** What was asked for is not there any more, and why. */
  readonly reset: ResetReason | undefined
}

export interface SyncOptions<Data = unknown> extends Pick<SubscribeOptions, 'onError'> {
  /**
   * Fetches the state from the application's backend. `position`: every message after it will come. Where the state says up to which position
   * it goes, answer with that, and what it contains does not come again. Where it fails it is called again, after a pause.
   */
  readonly load: (position: Position | undefined) => unknown
  /** Called once for each message that came after the state, in order. */
  readonly apply: Handler<Data>
}

/** A reply of the gateway: its messages are as other transports than WebSocket carry them. */
export interface HistoryReply extends Position {
  readonly messages: readonly (MessageFrame & { readonly encoding?: 'base64' })[]
  readonly more: boolean
  readonly reset?: ResetReason
}

export function pageOf<Data>({
  epoch,
  offset: head,
  messages,
  more,
  reset,
}: HistoryReply): HistoryPage<Data> {
  return {
    messages: messages.map(({ type: _type, offset, data, encoding, ...said }) => ({
      ...said,
      data: encoding === undefined ? data : bytesOf(data as string),
      position: positionOf({ epoch, offset }),
    })) as readonly Message<Data>[],
    position: { epoch, offset: head },
    more,
    reset,
  }
}

/**
 * First the position, then the state, then exactly what came after it: messages wait while the state is being loaded. After a reset, at the
 * moment that the gateway has drawn, all of it again. `complain` tells the application.
 */
export function syncWith(
  { load, apply, onError }: SyncOptions,
  subscribe: (handler: Handler, options: SubscribeOptions) => Subscription,
  complain: (error: ClientError) => void,
  later: Later,
): Subscription {
  let waiting: Message[] | undefined = []
  let latest: object = {}
  const begin = async (attempt: number): Promise<void> => {
    const mine = (latest = {})
    waiting ??= []
    try {
      const contained = (await load(subscription.position)) as Position | undefined
      // Another reset came meanwhile, and with it another load.
      if (mine !== latest) return
      const held = waiting
      waiting = undefined
      for (const message of held) if (!isWithin(message.position, contained)) await apply(message)
    } catch (cause) {
      if (mine !== latest) return
      complain(broken(`loading the state of ${subscription.channel} failed`, cause))
      later(attempt, () => void (mine === latest && begin(attempt + 1)))
    }
  }
  const subscription = subscribe((message) => (!waiting ? apply(message) : void waiting.push(message)), {
    onReset: () => begin(0),
    ...(onError && { onError }),
  })
  subscription.ready.then(
    () => begin(0),
    () => undefined,
  )
  const unsubscribe = subscription.unsubscribe.bind(subscription)
  return Object.assign(subscription, {
    unsubscribe: () => {
      latest = {}
      unsubscribe()
    },
  })
}
