/**
 * The messages of a channel, or of the inbox, for as long as a component shows them.
 */
import {
  ClientError,
  type From,
  type Handler,
  type Message,
  type Position,
  type ResetFrame,
  type SubscribeOptions,
  type Subscription,
  type SubscriptionState,
} from '@sluice/client'
import { complain } from './complain.ts'
import { Store } from './store.ts'

export interface ChannelView<Data = unknown> {
  /** The newest ones, oldest first; at most `limit`. */
  readonly messages: readonly Message<Data>[]
  /** As of the subscription: `ended` is for good, with the reason in `error`. `idle`: there is no channel. */
  readonly status: SubscriptionState | 'idle'
  readonly error: ClientError | undefined
  /** The last time that something before it may have been missed. */
  readonly reset: ResetFrame | undefined
}

export interface ChannelCallbacks<Data = unknown> {
  /** Called once for each message, in order, also where `limit` is 0. On a durable channel a message is acknowledged when this is done. */
  readonly onMessage?: ((message: Message<Data>) => unknown) | undefined
  /** Something may have been missed, at the moment that the gateway has drawn: fetch what else the page shows of it. */
  readonly onReset?: ((reset: ResetFrame) => unknown) | undefined
  /** The gateway has refused the channel. Without this the console tells. */
  readonly onError?: ((error: ClientError) => unknown) | undefined
}

export interface ChannelStoreOptions<Data> {
  /** In the words of an application: for what is told. */
  readonly what: string
  readonly open: (handler: Handler<Data>, options: SubscribeOptions) => Subscription
  readonly from: From | undefined
  readonly event: string | undefined
  readonly limit: number
}

const PENDING = { messages: [], status: 'pending', error: undefined, reset: undefined } as const
const IDLE = { ...PENDING, status: 'idle' } as const

/** What a server renders, and a browser first: the same object each time. */
export function unmounted<Data>(isThere: boolean): ChannelView<Data> {
  return isThere ? PENDING : IDLE
}

export class ChannelStore<Data> extends Store<ChannelView<Data>> {
  /** Of the last render. */
  callbacks: ChannelCallbacks<Data> = {}
  readonly #options: ChannelStoreOptions<Data>
  #subscription: Subscription | undefined
  /** Where it was when it was shown last: from there it goes on. */
  #position: Position | undefined
  #latest: object = {}

  constructor(options: ChannelStoreOptions<Data>) {
    super(unmounted(true))
    this.#options = options
  }

  protected begin(): void {
    this.#open(this.#position ?? this.#options.from)
  }

  protected end(): void {
    const former = this.#subscription
    this.#position = former?.position ?? this.#position
    this.#subscription = undefined
    this.#latest = {}
    former?.unsubscribe()
    // Nobody looks; who mounts it again begins with this.
    this.set({ status: 'pending', error: undefined })
  }

  #open(from: From | undefined): void {
    const { open } = this.#options
    // What an ended subscription still says is about what is not shown any more.
    const mine = (this.#latest = {})
    const ifMine =
      <Value>(run: (value: Value) => unknown) =>
      (value: Value): unknown =>
        mine === this.#latest ? run(value) : undefined
    try {
      this.#subscription = open(
        ifMine((message) => this.#show(message)),
        {
          ...(from && { from }),
          onReset: ifMine((reset) => this.#reset(reset)),
          onError: ifMine((error) => this.#refused(error)),
          onState: ifMine((status) => this.set({ status })),
        },
      )
    } catch (error) {
      // A name that is no channel's, say. Thrown here, it would take the whole tree down.
      if (!(error instanceof ClientError)) throw error
      this.#refused(error)
    }
  }

  #show(message: Message<Data>): unknown {
    const { event, limit } = this.#options
    if (event !== undefined && message.event !== event) return undefined
    if (limit > 0) {
      const messages = [...this.view().messages, message]
      this.set({ messages: messages.slice(-limit) })
    }
    return this.callbacks.onMessage?.(message)
  }

  #reset(reset: ResetFrame): unknown {
    const { from } = this.#options
    // "The last so many" has an answer again: without it the list would have a hole that nobody sees.
    const beginsAnew = from !== undefined && 'last' in from
    if (beginsAnew) {
      const former = this.#subscription
      this.set({ messages: [], reset })
      // The new one first: the channel itself is not left.
      this.#open(from)
      former?.unsubscribe()
    } else this.set({ reset })
    return this.callbacks.onReset?.(reset)
  }

  #refused(error: ClientError): unknown {
    this.set({ status: 'ended', error })
    return complain(this.#options.what, error, this.callbacks.onError)
  }
}
