/**
 * The live subscribers of one channel. Sockets are members of native topics, one for each form in which they get their
 * messages, and only their number is kept here; streams are listed.
 */
import type { Subscriber } from './subscriber.ts'
import type { Carried } from '../observe/account.ts'
import type { Encoded } from '../protocol/encoded.ts'
import type { EncodedReset } from '../protocol/encoded-reset.ts'
import type { Form } from '../protocol/form.ts'
import type { Position } from '../protocol/position.ts'
import type { TransportName } from '../protocol/transport-name.ts'

/** A set of streams that get the same text: what an SSE or poll transport puts beside the native topics. */
export interface StreamFanout {
  readonly transport: TransportName
  readonly size: number
  message(channel: string, encoded: Encoded): void
}

/** Who is live on a channel, as a link of a list: objects of its own would cost every subscription more than that. */
export interface LiveMember {
  previousLive: LiveMember | undefined
  nextLive: LiveMember | undefined
  readonly subscriber: Subscriber
  /** The channel has lost something, and everybody who is live on it is told. */
  resetLive(reset: EncodedReset): void
  /** A message of a channel that has no topic. `before`: where it stands that has everything before. False: this is no socket. */
  takeLive(encoded: Encoded, before: Position | undefined): boolean
}

/** The sockets of a channel that get its messages in one form. */
interface Group {
  count: number
  /** As for `Fanout.bytes`. */
  bytes: number
}

/** There is one for each connected user's inbox, so the first form has its place in the object itself: most have no other. */
export class Fanout implements Carried {
  /** What was handed to all who were live on it, since it is here. */
  messages = 0
  /** The same in bytes, in the first form. */
  bytes = 0
  #form: Form<Buffer> | undefined
  #count = 0
  #more: Map<Form<Buffer>, Group> | undefined
  #streams: Set<StreamFanout> | undefined
  #live: LiveMember | undefined

  /** The sockets on native topics. */
  get nativeCount(): number {
    let count = this.#count
    if (this.#more !== undefined) for (const group of this.#more.values()) count += group.count
    return count
  }

  /** The form of the sockets, or of some of them; `undefined`: there are none, but for those of `more`. */
  get form(): Form<Buffer> | undefined {
    return this.#form
  }

  /** How many get their messages in `form`. */
  get count(): number {
    return this.#count
  }

  /** Sockets that get their messages in other forms. */
  get more(): ReadonlyMap<Form<Buffer>, Group> | undefined {
    return this.#more
  }

  get streams(): ReadonlySet<StreamFanout> | undefined {
    return this.#streams
  }

  addNative(form: Form<Buffer>): void {
    if (this.#form === form) this.#count++
    else if (this.#form === undefined && this.#more?.has(form) !== true) {
      this.#form = form
      this.#count = 1
    } else {
      const group = this.#more?.get(form)
      if (group === undefined) (this.#more ??= new Map()).set(form, { count: 1, bytes: 0 })
      else group.count++
    }
  }

  removeNative(form: Form<Buffer>): void {
    if (this.#form === form) {
      if (--this.#count === 0) this.#form = undefined
      return
    }
    const group = this.#more?.get(form)
    if (group !== undefined && --group.count > 0) return
    this.#more?.delete(form)
    if (this.#more?.size === 0) this.#more = undefined
  }

  /** What the sockets of a form were handed, while there are any. */
  carried(form: Form<Buffer>): Carried {
    return { messages: this.messages, bytes: this.#more?.get(form)?.bytes ?? this.bytes }
  }

  /** The first of the list, for messages that are handed to each alone. */
  get firstLive(): LiveMember | undefined {
    return this.#live
  }

  /** For what is told to each alone. A copy: who is told may leave. */
  get live(): LiveMember[] {
    const members = []
    for (let member = this.#live; member !== undefined; member = member.nextLive) members.push(member)
    return members
  }

  addLive(member: LiveMember): void {
    member.nextLive = this.#live
    if (this.#live !== undefined) this.#live.previousLive = member
    this.#live = member
  }

  removeLive(member: LiveMember): void {
    const { previousLive, nextLive } = member
    if (previousLive === undefined) this.#live = nextLive
    else previousLive.nextLive = nextLive
    if (nextLive !== undefined) nextLive.previousLive = previousLive
    member.previousLive = member.nextLive = undefined
  }

  addStreams(streams: StreamFanout): void {
    ;(this.#streams ??= new Set()).add(streams)
  }

  removeStreams(streams: StreamFanout): void {
    this.#streams?.delete(streams)
    if (this.#streams?.size === 0) this.#streams = undefined
  }
}
