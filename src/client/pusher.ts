/**
 * `@sluice/client/pusher`: lets pusher-js, as it is, go on where it was when its connection was lost, at a gateway of Sluice. Protocol 7
 * has no places, so the gateway says in frames of its own where each event stands, and this hands the event on under its own name.
 */

/** What is needed of pusher-js, whichever version it is. */
export interface PusherLike {
  readonly connection: {
    readonly state: string
    /** Once it is connected. */
    readonly socket_id: string
    bind(event: string, listener: (data: never) => void): unknown
    emit(event: string, data: unknown): unknown
  }
  send_event(event: string, data: unknown): boolean
  unsubscribe(channel: string): unknown
  channel(name: string): unknown
}

export interface SluiceForPusherOptions {
  /** Something of the channel may have been missed: fetch its state anew. */
  readonly onGap?: (channel: string) => void
}

interface Frame {
  readonly event: string
  readonly channel?: string
  readonly data?: unknown
}

interface Place {
  readonly epoch: string
  readonly offset: number
}

interface Placed extends Place {
  readonly event: string
  readonly data: unknown
  readonly user_id?: string
}

const PREFIX = 'pusher_internal:sluice_'
/** So many places go in a frame: with the longest names of channels it is well within `limits.frame`. */
const PLACES_AT_ONCE = 50
/** The ids that the gateway gives have 59 characters; those of other servers no more than about twenty. */
const OURS_FROM = 40

/**
 * Right after `new Pusher(…)`, before its connection is there: else from its next connection on. Another server hears nothing of it, and all is
 * as it was. Answers the same client.
 */
export function withSluice<P extends PusherLike>(pusher: P, { onGap }: SluiceForPusherOptions = {}): P {
  const { connection } = pusher
  const places = new Map<string, Place>()
  // It is called before pusher-js subscribes anew.
  connection.bind('state_change', ({ current }: { readonly current: string }) => {
    if (current !== 'connected' || connection.socket_id.length < OURS_FROM) return
    const all = [...places]
    do {
      const positions = Object.fromEntries(all.splice(0, PLACES_AT_ONCE))
      pusher.send_event('pusher:sluice_hello', { positions })
    } while (all.length > 0)
  })
  connection.bind('message', ({ event, channel, data }: Frame) => {
    // What is still on its way where it has unsubscribed is no place to go on from.
    if (channel === undefined || !event.startsWith(PREFIX) || !pusher.channel(channel)) return
    const { epoch, offset, ...shown } = data as Placed
    places.set(channel, { epoch, offset })
    if (event === `${PREFIX}event`)
      connection.emit('message', { ...shown, channel, data: decoded(shown.data) })
    else if (event === `${PREFIX}gap`) onGap?.(channel)
  })
  const unsubscribe = pusher.unsubscribe.bind(pusher)
  pusher.unsubscribe = (channel) => {
    places.delete(channel)
    return unsubscribe(channel)
  }
  return pusher
}

/** As pusher-js does with each event: a text in which there is JSON is taken for that. */
function decoded(data: unknown): unknown {
  if (typeof data !== 'string') return data
  try {
    return JSON.parse(data) as unknown
  } catch {
    return data
  }
}
