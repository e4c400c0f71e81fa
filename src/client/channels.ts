/**
 * The channels of a client, and what is asked about them on each socket. Whatever happens, each of them is asked for on the
 * serving socket from where the client is on it, or the application is told why not.
 */
import { INBOX } from '../protocol/channel.ts'
import type { From, Position } from '../protocol/position.ts'
import type { ResumeMap, Restored, SubscribedFrame } from '../dialect/sluice-v1/frames.ts'
import type { Acks } from './acks.ts'
import { Channel } from './channel.ts'
import { positionOf, type Start } from './cursor.ts'
import { ClientError } from './errors.ts'
import type { Events } from './events.ts'
import type { ClientEvents } from './options.ts'
import { BY_CONNECT, type Socket } from './socket.ts'
import { errorOf } from './requests.ts'
import type { Later } from './retry.ts'
import type { Time } from './time.ts'

/**
 * What a client that nobody knows yet asks for at once, about: the gateway takes no more of it than one frame, with its token. The
 * rest is asked for once it is welcome.
 */
const EARLY_BYTES = 4096
/** What a channel costs beside its name and its epoch. */
const AROUND_BYTES = 60

export interface ChannelsPorts {
  readonly time: Time
  readonly later: Later
  /** The socket that serves now. */
  readonly socket: () => Socket | undefined
  readonly acks: Acks
  /** Tells the application. */
  readonly complain: (error: ClientError) => void
  /** `subscribed`: a backend has put the user on a channel that nobody handles yet. */
  readonly events: Events<Pick<ClientEvents, 'reset' | 'subscribed'>>
}

/** A channel that a backend has put the user on, and where it starts. */
export interface PutOn {
  readonly channel: string
  /** `undefined`: an ephemeral channel. */
  readonly position: Position | undefined
}

export class Channels {
  /** While the application is told of it. */
  #put: PutOn | undefined
  readonly #ports: ChannelsPorts
  readonly #byName = new Map<string, Channel>()

  constructor(ports: ChannelsPorts) {
    this.#ports = ports
  }

  get(name: string): Channel | undefined {
    return this.#byName.get(name)
  }

  [Symbol.iterator](): IterableIterator<Channel> {
    return this.#byName.values()
  }

  add(name: string, wanted: From | undefined): Channel {
    const { socket, acks } = this.#ports
    const from = wanted ?? (this.#put?.channel === name ? this.#put.position : undefined)
    const channel = new Channel(name, from, {
      ...this.#ports,
      behind: (one) => {
        const { wants } = one
        if (!wants) return
        // What comes until the answer comes again behind it.
        one.track.live = false
        this.#ask(socket(), one, wants)
      },
      left: () => {
        // The inbox belongs to the connection: it is never asked for nor left.
        if (name === INBOX || !this.#has(channel)) return
        this.#byName.delete(name)
        // While the gateway still has the client on the channel; what is handled later comes again.
        acks.flush()
        channel.track.live = false
        this.#leave(socket(), channel)
      },
    })
    this.#byName.set(name, channel)
    this.#ask(socket(), channel)
    return channel
  }

  /** What `connect` asks for: channels that a position is known of, the inbox first. */
  resume(socket: Socket): ResumeMap {
    const known = this.#early(({ track }) => track.position)
    for (const channel of this)
      if (channel.name === INBOX || known.includes(channel)) socket.asked.set(channel, BY_CONNECT)
    // Not by assignment: a channel may be named `__proto__`.
    return Object.fromEntries(known.map(({ name, track }) => [name, track.position as Position]))
  }

  /** Asks for channels without a position right behind `connect`: on ephemeral ones every moment counts. */
  open(socket: Socket): void {
    const early = this.#early((one) => !socket.asked.has(one) && !one.track.position)
    for (const channel of early) this.#ask(socket, channel)
  }

  /** The first of those that are wanted, as many as fit. */
  #early(wanted: (channel: Channel) => unknown): Channel[] {
    let room = EARLY_BYTES
    return [...this].filter((channel) => {
      if (!wanted(channel)) return false
      const { name, track } = channel
      room -= name.length + (track.position?.epoch.length ?? 0) + AROUND_BYTES
      return room >= 0
    })
  }

  /** The socket serves, and this is what became of the `resume`. */
  welcomed(socket: Socket, restored: Readonly<Record<string, Restored>>): void {
    // A channel may also be named like something that every object has.
    const found = new Map(Object.entries(restored))
    for (const channel of this) {
      const { name, track } = channel
      const asked = socket.asked.get(channel)
      const start = found.get(name)
      track.live = false
      if (asked === BY_CONNECT && start) {
        if ('error' in start)
          this.#refused(socket, channel, new ClientError(start.error, `${name}: not restored`))
        else if (isBeyond(start, track.position)) this.#ask(socket, channel)
        else channel.starts(start)
        // Not in `connect`, or the former socket brought messages since: only a position continues behind them.
      } else if (!asked || track.position) this.#ask(socket, channel)
    }
    for (const [name, start] of found) if ('byBackend' in start) this.subscribed({ channel: name, ...start })
    for (const asked of socket.asked.keys()) {
      const channel = asked as Channel
      // Left since `connect`.
      if (this.get(channel.name) === undefined) this.#leave(socket, channel)
    }
  }

  /** A backend has put the user on a channel. Whoever handles it when he is told misses nothing. */
  subscribed({ channel, ...place }: Start & { readonly channel: string }): void {
    if (this.#byName.has(channel)) return
    const position = positionOf(place)
    this.#put = { channel, position }
    this.#ports.events.emit('subscribed', this.#put)
    this.#put = undefined
    const handled = this.get(channel)
    // What has no place in a log would not come again behind the answer.
    if (handled && !position) handled.track.live = true
  }

  /** The gateway ended a subscription. */
  unsubscribed(name: string, byBackend = false): void {
    const channel = this.get(name)
    const why = byBackend ? 'a backend has ended it' : 'the token does not allow it any more'
    // Not live: asked for again meanwhile, and the answer to that is on its way.
    if (channel?.track.live === true) this.#end(channel, new ClientError('forbidden', `${name}: ${why}`))
  }

  #has(channel: Channel): boolean {
    return this.get(channel.name) === channel
  }

  /** `wanted`: by handlers that start elsewhere than the channel is. */
  #ask(socket: Socket | undefined, channel: Channel, wanted?: From): void {
    const { name, track } = channel
    const request = {}
    socket?.asked.set(channel, request)
    const from = wanted ?? track.position ?? channel.from
    socket?.ask({ type: 'subscribe', channel: name, from }, (reply) => {
      if (socket.asked.get(channel) !== request) return
      if (reply.type === 'error') this.#refused(socket, channel, errorOf(reply))
      else if (!channel.starts(reply as SubscribedFrame, wanted)) this.#ask(socket, channel)
    })
  }

  #leave(socket: Socket | undefined, channel: Channel): void {
    socket?.asked.delete(channel)
    socket?.ask({ type: 'unsubscribe', channel: channel.name }, () => undefined)
  }

  #refused(socket: Socket, channel: Channel, error: ClientError): void {
    if (!error.retryable) this.#end(channel, error)
    else
      this.#ports.later(channel.refusals++, () => {
        if (socket === this.#ports.socket() && this.#has(channel)) this.#ask(socket, channel)
      })
  }

  #end(channel: Channel, error: ClientError): void {
    this.#byName.delete(channel.name)
    channel.end(error)
  }
}

/** Since it was asked for, the channel has gone back for a handler that wants to start earlier. */
function isBeyond({ offset, recovered }: Start, here: Position | undefined): boolean {
  return recovered && (offset as number) > (here?.offset as number)
}
