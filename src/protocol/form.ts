/**
 * How a dialect writes down what goes to many clients. Each form of one thing is made once per node, however many clients get
 * it: `Encoded` and `EncodedReset` keep it.
 *
 *  W1 the same message, reset or event always gives the same text or bytes: nothing in it is of one client
 *  W2 forms whose clients are on native topics have prefixes of their own
 */
import type { Message } from './message.ts'
import type { Position, ResetReason } from './position.ts'

/** A whole frame for a WebSocket, or one line of text for a stream. */
export type Data = Buffer | string

/** Something in one form. */
export class Written<D extends Data = Data> {
  readonly data: D
  /** Whether it is a binary frame. */
  readonly binary: boolean
  /** Where the payload stands in it, byte for byte as it came; -1: it does not, or is written otherwise. */
  readonly payloadAt: number
  /** Of whoever keeps it. */
  form: Form | undefined
  /** The same thing in another form. */
  next: Written | undefined

  constructor(data: D, binary = false, payloadAt = -1) {
    this.data = data
    this.binary = binary
    this.payloadAt = payloadAt
  }
}

/** The client may have missed something before the position. */
export interface Reset {
  /** By its internal name. */
  readonly channel: string
  readonly position: Position
  readonly reason: ResetReason
  /** After this time the client fetches its state, so that not all do at once. */
  readonly delayMs: number
}

/** What is told beside the messages of a channel, and can be asked for as well. */
export interface ChannelEvent {
  readonly type: 'join' | 'leave' | 'update'
  readonly channel: string
  /** The member. */
  readonly user: string
  /** What the user says of himself, as JSON; of one who leaves, what he said. */
  readonly json: string | undefined
  /** How many users are in the channel with that; `undefined`: not known yet. */
  readonly count: number | undefined
  /** The user is, or stays, in the channel by another member (`member-name.ts`): who knows users only need not hear of it. */
  readonly sameUser?: true
}

export interface Form<D extends Data = Data> {
  /** Stands before a channel's name in the name of its native topic. One form of a node may have none. */
  readonly topicPrefix: string
  message(message: Message): Written<D>
  /** `undefined`: the protocol has no word for it, and the conversation of each client does what it can. */
  reset(reset: Reset): Written<D> | undefined
  /** `undefined`: the protocol has no word for it. */
  event(event: ChannelEvent): Written<D> | undefined
}

/** What there is of a thing in a form already. */
export function inForm<D extends Data>(first: Written | undefined, form: Form<D>): Written<D> | undefined {
  for (let written = first; written !== undefined; written = written.next)
    if (written.form === form) return written as Written<D>
  return undefined
}
