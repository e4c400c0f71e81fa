/**
 * One channel with everybody in the application who handles it: they share one subscription on the wire.
 */
import type { From, Position } from '../protocol/position.ts'
import type { MessageFrame, ResetFrame } from '../dialect/sluice-v1/frames.ts'
import { broken, ClientError } from './errors.ts'
import type { Events } from './events.ts'
import type { ClientEvents } from './options.ts'
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
  /** What the message is, as its publisher says. */
  readonly event: string | undefined
  /** Short texts by name, of a backend. */
  readonly headers: Readonly<Record<string, string>> | undefined
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

/** `pending`: the gateway has not answered yet. `subscribed`: it has, once at least; `client.state` says whether it is there. `ended`: for good. */
export type SubscriptionState = 'pending' | 'subscribed' | 'ended'

export interface SubscribeOptions {
  /**
   * Where to start: after a position, or with the last `last` messages. Default: with what comes next. Each handler of a channel has its
   * own start: what comes again for one of them is shown to that one alone.
   */
  readonly from?: From
  /**
   * Something before this position may have been missed: fetch the state anew. What comes after it follows. Called at the
   * moment that the gateway has drawn for this client, so that not all fetch at once.
   */
  readonly onReset?: (reset: ResetFrame) => unknown
  /** The gateway refused the subscription, or ended it. Without this, the client's `error` event tells. */
  readonly onError?: (error: ClientError) => unknown
  /** Called at each change of `subscription.state`. */
  readonly onState?: (state: SubscriptionState) => unknown
}

export interface Subscription {
  readonly channel: string
  readonly state: SubscriptionState
  /** Resolves when the gateway has answered. Rejects with a `ClientError` where it refused, or after `unsubscribe`. */
  readonly ready: Promise<void>
  /** After the last message that was handed out; `undefined` before `ready` and on ephemeral channels. */
  readonly position: Position | undefined
  /**
   * Handles the messages of the channel that are this event alone, beside the handler of the subscription: as another `subscribe`, with
   * its options.
   */
  on<Data = unknown>(event: string, handler: Handler<Data>, options?: SubscribeOptions): Subscription
  /** The handler hears nothing more; the last one leaves the channel. Idempotent. */
  unsubscribe(): void
}

interface Subscriber {
  /** Where it is to start; nothing is shown to it before it has. */
  wants: From | undefined
  /** The last message that it was shown, or that was shown before it came. `undefined`: where the channel is. */
  at: number | undefined
  /** It is to be told of a reset. */
  lost: boolean
  readonly handler: Handler
  readonly options: SubscribeOptions
  /** The state of its subscription is another one; `error`: why it has ended. */
  readonly turn: (state: SubscriptionState, error?: ClientError) => void
}

export interface ChannelPorts {
  /** Tells the application. */
  readonly complain: (error: ClientError) => void
  readonly acks: {
    /** `channel.acked` has changed. */
    add(channel: Channel): void
  }
  /** A handler `wants` to start elsewhere than the channel is. */
  readonly behind: (channel: Channel) => void
  /** Nobody handles the channel any more. */
  readonly left: (channel: Channel) => void
  readonly time: Time
  /** Told of a reset, when its moment has come. */
  readonly events: Events<Pick<ClientEvents, 'reset'>>
}

export class Channel {
  readonly name: string
  readonly track: Cursor
  /** How to start where no position is known: as the first handler wants to. */
  from: From | undefined
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
    this.track = new Cursor(from && 'epoch' in from ? from : undefined)
  }

  add(handler: Handler, options: SubscribeOptions): Subscription {
    const { track, name } = this
    const subscribers = this.#subscribers
    let subscriber!: Subscriber
    const { live } = track
    let state: SubscriptionState = 'pending'
    const ready = new Promise<void>((started, refused) => {
      const at = live ? Math.max(...[...subscribers].map((other) => other.at ?? -1)) : undefined
      // An ephemeral channel has nothing to start from.
      const wants = live && !track.position ? undefined : options.from
      const turn = (next: SubscriptionState, error?: ClientError): void => {
        if (next === state) return
        state = next
        void this.#guarded(() => options.onState?.(next))
        if (!error) started()
        else refused(error)
      }
      subscribers.add((subscriber = { handler, options, turn, wants, at, lost: false }))
      if (live && !wants) turn('subscribed')
    })
    if (live) this.#ports.behind(this)
    // Not everybody waits for `ready`; `onError` and the `error` event tell of a refusal too.
    ready.catch(() => undefined)
    return {
      channel: name,
      ready,
      get state() {
        return state
      },
      get position() {
        const { position } = track
        const { wants, at = 0 } = subscriber
        if (!position || wants) return undefined
        return { ...position, offset: Math.max(position.offset, at) }
      },
      on: (event, on, more = {}) =>
        this.add((message) => message.event === event && on(message as never), more),
      unsubscribe: () => {
        if (!subscribers.delete(subscriber)) return
        subscriber.turn('ended', new ClientError('closed', `${name}: unsubscribed`))
        if (subscribers.size === 0) this.#ports.left(this)
      },
    }
  }

  /** Where the first handler that has not started wants to. */
  get wants(): From | undefined {
    return [...this.#subscribers].find(({ wants }) => wants)?.wants
  }

  /**
   * The gateway has started the channel; `wanted`: where some handlers want to, while others are on. False: not where those can go on, so
   * that the channel has to be asked for once more, from where it is.
   */
  starts(start: Start, wanted?: From): boolean {
    const { track } = this
    const { epoch, offset = 0, recovered } = start
    const here = track.position
    const known = recovered && here !== undefined && epoch === here.epoch
    const fits = !wanted || (known && offset <= here.offset)
    this.refusals = 0
    if (!wanted) {
      track.starts(start)
      // A reset follows, or it is another user's inbox: offsets of before mean nothing now.
      if (!recovered) this.#forgetAcks()
    } else if (fits) {
      for (const one of this.#subscribers) one.at ??= here?.offset
      track.position = { epoch: epoch as string, offset }
    }
    track.live = fits
    for (const one of this.#subscribers) {
      if (track.position?.epoch !== here?.epoch) one.at = undefined
      if (wanted && one.wants === wanted) {
        one.at = offset
        one.lost = !known
      }
      // What is lost is told by a reset that follows.
      if (one.wants === (wanted ?? this.from) || !track.position) if (!one.lost) one.wants = undefined
      if (fits && !one.wants) one.turn('subscribed')
    }
    if (!fits) return false
    if (!wanted) this.from = undefined
    this.#ports.acks.add(this)
    this.#ports.behind(this)
    return true
  }

  show({ type: _type, offset, ack, ...said }: MessageFrame): void {
    const { track } = this
    if (!track.shows(offset)) return
    const position = offset === undefined ? undefined : track.position
    const message = { ...said, position } as Message
    const done = this.#each(
      ({ handler }) => handler(message),
      (one) => {
        if (one.wants || (offset as number) <= (one.at as number)) return false
        one.at = offset
        return true
      },
    )
    if (ack === undefined || offset === undefined || done.length === 0) return
    const acks = this.#acks
    acks.tail = acks.tail.then(async () => {
      const handled = await Promise.all(done)
      // An acknowledgement covers everything before it, so none may follow a failure.
      if (handled.includes(false)) acks.stuck = true
      if (acks.stuck || acks !== this.#acks) return
      this.acked = Math.max(offset, this.acked ?? 0)
      this.#ports.acks.add(this)
    })
  }

  /** Goes on behind a message that nobody can read. */
  skip({ channel, offset, cause }: Unreadable): void {
    if (this.track.shows(offset))
      this.#ports.complain(
        new ClientError('unreadable', `message ${offset} of ${channel} cannot be read`, {
          cause,
          channel,
          offset,
        }),
      )
  }

  reset(reset: ResetFrame): void {
    const { live } = this.track
    if (live) {
      this.track.reset(reset)
      this.#forgetAcks()
    }
    for (const one of this.#subscribers) {
      // Not live: it is about where that one wanted to start, and the others go on where they are.
      one.lost ||= live
      if (!one.lost) continue
      one.wants = undefined
      one.at = live ? undefined : reset.offset
    }
    // Of a start that is asked for once more: it comes again with the answer.
    if (!live && ![...this.#subscribers].some(({ lost }) => lost)) return
    const { time } = this.#ports
    // One fetch after all of them is enough, as soon as one of them is due.
    const dueMs = Math.min(time.now() + (reset.delay ?? 0), this.#due?.ms ?? Infinity)
    this.#due?.cancel()
    const tell = (): void => {
      this.#due = undefined
      this.#ports.events.emit('reset', reset)
      void this.#each(
        (one) => {
          one.lost = false
          return one.options.onReset?.(reset)
        },
        ({ lost }) => lost,
      )
    }
    const waitMs = dueMs - time.now()
    if (waitMs <= 0) tell()
    else this.#due = { ms: dueMs, cancel: time.after(waitMs, tell) }
  }

  /** The gateway does not have the client on the channel, and trying again would not help. */
  end(error: ClientError): void {
    this.track.live = false
    void this.#each(({ options: { onError = this.#ports.complain }, turn }) => {
      turn('ended', error)
      return onError(error)
    })
    this.#subscribers.clear()
  }

  #forgetAcks(): void {
    this.acked = undefined
    this.#acks = { tail: Promise.resolve(), stuck: false }
  }

  /** Runs something for each subscriber; whether it worked, for each. What it throws is told of, and breaks nothing. */
  #each(
    run: (subscriber: Subscriber) => unknown,
    concerns: (subscriber: Subscriber) => boolean = () => true,
  ): Promise<boolean>[] {
    // A copy: a handler that is added meanwhile hears the next message.
    return [...this.#subscribers].filter(concerns).map((subscriber) =>
      // A handler may unsubscribe another one, which then hears nothing more.
      this.#guarded(() => this.#subscribers.has(subscriber) && run(subscriber)),
    )
  }

  async #guarded(run: () => unknown): Promise<boolean> {
    try {
      await run()
      return true
    } catch (cause) {
      this.#ports.complain(broken(`a handler of ${this.name} failed`, cause))
      return false
    }
  }
}
