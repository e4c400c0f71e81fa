/**
 * One channel with everybody in the application who handles it: they share one subscription on the wire.
 */
import type { From, Position } from '../protocol/position.ts'
import type { MessageFrame, ResetFrame } from '../dialect/sluice-v1/frames.ts'
import { ClientError } from './errors.ts'
import type { Unreadable } from './socket.ts'
import type { Time } from './time.ts'
import { Cursor, type Start } from './cursor.ts'

export interface Message<Data = unknown> {
  readonly channel: string
  /** What was published: any JSON value, or a `Uint8Array` for a binary message. Not checked against `Data`. */
  readonly data: Data
  /** Where the message is in the channel's log; `subscribe` with `from: position` starts after it. */
  readonly position: Position | undefined
  /** The publisher's idempotency id. */
  readonly id: string | undefined
  /** The user whose client has published it, as the gateway knows from their token; `undefined`: a backend has. */
  readonly from: string | undefined
  /** When the publish was accepted, milliseconds since 1970. */
  readonly time: number
}

/**
 * Called once for each message, in order. It may return a promise; the next message does not wait for it. On a durable channel
 * a message is acknowledged when all handlers are done with it and with everything before it.
 * Where a handler throws or rejects, the `error` event tells, and nothing from that message on is acknowledged, so the next
 * fresh subscription (of another client of the user) gets it again. To skip a message, catch.
 */
export type Handler<Data = unknown> = (message: Message<Data>) => unknown

export interface SubscribeOptions {
  /** Where to start: after a position, or with the last `last` messages. Default: with what comes next. */
  readonly from?: From
  /**
   * Something before this position may have been missed: fetch the state anew. What comes after it follows. Called at the
   * moment that the gateway has drawn for this client, so that not all fetch at once.
   */
  readonly onReset?: (reset: ResetFrame) => unknown
  /** The gateway refused the subscription, or ended it. Without this, the client's `error` event tells. */
  readonly onError?: (error: ClientError) => unknown
}

export interface Subscription {
  readonly channel: string
  /** Resolves when the gateway has answered. Rejects with a `ClientError` where it refused, or after `unsubscribe`. */
  readonly ready: Promise<void>
  /** After the last message that was handed out; `undefined` before `ready` and on ephemeral channels. */
  readonly position: Position | undefined
  /** The handler hears nothing more; the last one leaves the channel. Idempotent. */
  unsubscribe(): void
}

interface Subscriber {
  readonly handler: Handler
  readonly options: SubscribeOptions
  readonly started: () => void
  readonly refused: (error: ClientError) => void
}

export interface ChannelPorts {
  /** Tells the application. */
  readonly failed: (error: ClientError) => void
  readonly acks: {
    /** `channel.acked` has changed. */
    add(channel: Channel): void
  }
  /** Nobody handles the channel any more. */
  readonly left: (channel: Channel) => void
  readonly time: Time
  /** Tells the application of a reset, when its moment has come. */
  readonly reset: (reset: ResetFrame) => void
}

export class Channel {
  readonly name: string
  readonly track: Cursor
  /** How to start where no position is known. */
  readonly from: From | undefined
  /** Refusals in a row that say to try again. */
  refusals = 0
  /** Everything up to this offset has been handled. */
  acked: number | undefined
  /** A reset that the application has not been told yet. */
  #due: { readonly ms: number; readonly cancel: () => void } | undefined
  readonly #ports: ChannelPorts
  readonly #subscribers = new Set<Subscriber>()
  /** Replaced where offsets of before mean nothing any more. */
  #acks = { tail: Promise.resolve(), stuck: false }

  constructor(name: string, from: From | undefined, ports: ChannelPorts) {
    this.name = name
    this.from = from
    this.#ports = ports
    this.track = new Cursor(from !== undefined && 'epoch' in from ? from : undefined)
  }

  add(handler: Handler, options: SubscribeOptions): Subscription {
    const { track, name } = this
    const subscribers = this.#subscribers
    let subscriber: Subscriber | undefined
    const ready = new Promise<void>((started, refused) => {
      subscriber = { handler, options, started, refused }
      subscribers.add(subscriber)
      if (track.live) started()
    })
    // Not everybody waits for `ready`; `onError` and the `error` event tell of a refusal too.
    ready.catch(() => undefined)
    return {
      channel: name,
      ready,
      get position() {
        return track.position
      },
      unsubscribe: () => {
        if (subscriber === undefined || !subscribers.delete(subscriber)) return
        subscriber.refused(new ClientError('closed', `${name}: unsubscribed`))
        if (subscribers.size === 0) this.#ports.left(this)
      },
    }
  }

  starts(start: Start): void {
    this.refusals = 0
    this.track.starts(start)
    // A reset follows, or it is another user's inbox: offsets of before mean nothing now.
    if (!start.recovered) this.#forgetAcks()
    this.#ports.acks.add(this)
    for (const { started } of this.#subscribers) started()
  }

  show({ channel, offset, data, id, from, time, ack }: MessageFrame): void {
    const { track } = this
    if (!track.shows(offset)) return
    const position = offset === undefined ? undefined : track.position
    const message: Message = { channel, data, position, id, from, time }
    const done = this.#each(({ handler }) => handler(message))
    if (ack === undefined || offset === undefined || done.length === 0) return
    const acks = this.#acks
    acks.tail = acks.tail.then(async () => {
      const handled = await Promise.all(done)
      // An acknowledgement covers everything before it, so none may follow a failure.
      if (handled.includes(false)) acks.stuck = true
      if (acks.stuck || acks !== this.#acks) return
      this.acked = offset
      this.#ports.acks.add(this)
    })
  }

  /** Goes on behind a message that nobody can read. */
  skip({ channel, offset, cause }: Unreadable): void {
    if (this.track.shows(offset))
      this.#ports.failed(
        new ClientError('unreadable', `message ${offset} of ${channel} cannot be read`, {
          cause,
          channel,
          offset,
        }),
      )
  }

  reset(reset: ResetFrame): void {
    this.track.reset(reset)
    this.#forgetAcks()
    const { time } = this.#ports
    // One fetch after all of them is enough, as soon as one of them is due.
    const dueMs = Math.min(time.now() + (reset.delay ?? 0), this.#due?.ms ?? Infinity)
    this.#due?.cancel()
    const tell = (): void => {
      this.#due = undefined
      this.#ports.reset(reset)
      void this.#each(({ options }) => options.onReset?.(reset))
    }
    const waitMs = dueMs - time.now()
    if (waitMs <= 0) tell()
    else this.#due = { ms: dueMs, cancel: time.after(waitMs, tell) }
  }

  /** The gateway does not have the client on the channel, and trying again would not help. */
  end(error: ClientError): void {
    this.track.live = false
    void this.#each(({ options: { onError = this.#ports.failed }, refused }) => {
      refused(error)
      return onError(error)
    })
    this.#subscribers.clear()
  }

  #forgetAcks(): void {
    this.acked = undefined
    this.#acks = { tail: Promise.resolve(), stuck: false }
  }

  /** Runs something for each subscriber; whether it worked, for each. What it throws is told of, and breaks nothing. */
  #each(run: (subscriber: Subscriber) => unknown): Promise<boolean>[] {
    const guarded = async (subscriber: Subscriber): Promise<boolean> => {
      try {
        // A handler may unsubscribe another one, which then hears nothing more.
        if (this.#subscribers.has(subscriber)) await run(subscriber)
        return true
      } catch (cause) {
        this.#ports.failed(new ClientError('handler', `a handler of ${this.name} failed`, { cause }))
        return false
      }
    }
    // A copy: a handler that is added meanwhile hears the next message.
    return [...this.#subscribers].map(guarded)
  }
}
