/**
 * Acknowledgements on their way. They are cumulative, so those of a moment become one: one for each message would run into
 * the gateway's limit of frames per second.
 */
import type { Channel } from './channel.ts'
import type { Socket } from './socket.ts'
import type { Time } from './time.ts'

const PAUSE_MS = 100

export class Acks {
  readonly #time: Time
  readonly #socket: () => Socket | undefined
  readonly #channels = new Set<Channel>()
  #cancel: (() => void) | undefined

  /** `socket`: the one that serves now. */
  constructor(time: Time, socket: () => Socket | undefined) {
    this.#time = time
    this.#socket = socket
  }

  /** Acknowledges what the channel has handled, soon. Where the gateway does not have the client on it then, its next start adds it again. */
  add(channel: Channel): void {
    if (channel.acked === undefined) return
    this.#cancel ??= this.#time.after(PAUSE_MS, () => this.flush())
    this.#channels.add(channel)
  }

  /** Now, since the client is about to close. */
  flush(): void {
    this.#cancel?.()
    this.#cancel = undefined
    for (const { name, acked, track } of this.#channels)
      if (acked !== undefined && track.live)
        this.#socket()?.send({ type: 'ack', channel: name, offset: acked })
    this.#channels.clear()
  }
}
