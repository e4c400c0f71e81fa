/**
 * Acknowledgements on their way. They are cumulative, so those of a moment become one: one for each message would run into
 * the gateway's limit of frames per second.
 */
import type { Channel } from './channel.ts'
import type { Socket } from './socket.ts'
import type { Time } from './time.ts'

const PAUSE_MS = 100

export interface Acks {
  /** Acknowledges what the channel has handled, soon. Where the gateway does not have the client on it then, its next start adds it again. */
  add(channel: Channel): void
  /** Now, since the client is about to close. */
  flush(): void
}

/** `socket`: the one that serves now. */
export function acksOver(socket: () => Socket | undefined, time: Time): Acks {
  const channels = new Set<Channel>()
  let cancel: (() => void) | undefined
  const flush = (): void => {
    cancel?.()
    cancel = undefined
    for (const { name, acked, track } of channels)
      if (acked !== undefined && track.live) socket()?.send({ type: 'ack', channel: name, offset: acked })
    channels.clear()
  }
  return {
    add(channel) {
      if (channel.acked === undefined) return
      cancel ??= time.after(PAUSE_MS, flush)
      channels.add(channel)
    },
    flush,
  }
}
