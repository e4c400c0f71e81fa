/**
 * `@sluice/client/pusher`: lets pusher-js, as it is, go on where it was when its connection was lost, at a gateway of Sluice. Protocol 7
 * has no places, so the gateway says in frames of its own where each event stands, and this hands the event on under its own name.
 */

/** What is needed of pusher-js, whichever version it is. */
export interface PusherLike {
  readonly connection: {
    readonly state: string
    bind(event: string, listener: (data: never) => void): unknown
    emit(event: string, data: unknown): unknown
  }
  send_event(event: string, data: unknown): boolean
  unsubscribe(channel: string): unknown
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

/**
 * Right after `new Pusher(…)`, before its connection is there: else from its next connection on. Another server answers with a
 * `pusher:error`, and all is as it was. Answers the same client.
 */
export function withSluice<P extends PusherLike>(pusher: P, { onGap }: SluiceForPusherOptions = {}): P {
  const { connection } = pusher
  const places = new Map<string, Place>()
  // It is called before pusher-js subscribes anew.
  connection.bind('state_change', ({ current }: { readonly current: string }) => {
    if (current !== 'connected') return
    const all = [...places]
    do {
      const positions = Object.fromEntries(all.splice(0, PLACES_AT_ONCE))
      pusher.send_event('pusher:sluice_hello', { positions })
    } while (all.length > 0)
  })
  connection.bind('message', ({ event, channel, data }: Frame) => {
    if (channel === undefined) return
    if (!event.startsWith(PREFIX)) return
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
