/**
 * The live subscribers of one channel. Sockets are members of native topics, one for each form in which they get their
 * messages, and only their number is kept here; streams are listed.
 */
import type { Subscriber } from './subscriber.ts'
import type { Encoded } from '../protocol/encoded.ts'
import type { EncodedEvent } from '../protocol/encoded-event.ts'
import type { EncodedReset } from '../protocol/encoded-reset.ts'
import type { Form } from '../protocol/form.ts'
import type { Position } from '../protocol/position.ts'
import type { TransportName } from '../protocol/transport-name.ts'

/** A set of streams that get the same text: what an SSE or poll transport puts beside the native topics. */
export interface StreamFanout {
  readonly transport: TransportName
  readonly size: number
  message(channel: string, encoded: Encoded): void
  /** What is told beside the messages. */
  event(encoded: EncodedEvent): void
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
export interface Group {
  readonly form: Form<Buffer>
  count: number
  /** What was handed to all of them, since there are any. */
  bytes: number
  /** Those of another form. */
  next: Group | undefined
}

/** There is one for each connected user's inbox, so what an inbox has no need of is made with the first who has. */
export class Fanout {
  /** What was handed to all who were live on it, since it is here. */
  messages = 0
  #groups: Group | undefined
  #streams: Set<StreamFanout> | undefined
  #live: LiveMember | undefined

  /** The sockets on native topics. */
  get nativeCount(): number {
    let count = 0
    for (let group = this.#groups; group !== undefined; group = group.next) count += group.count
    return count
  }

  /** The first of the forms of sockets on native topics; most channels have one. */
  get groups(): Group | undefined {
    return this.#groups
  }

  get streams(): ReadonlySet<StreamFanout> | undefined {
    return this.#streams
  }

  get hasStreams(): boolean {
    return this.#streams !== undefined
  }

  addNative(form: Form<Buffer>): void {
    const group = this.group(form)
    if (group === undefined) this.#groups = { form, count: 1, bytes: 0, next: this.#groups }
    else group.count++
  }

  removeNative(form: Form<Buffer>): void {
    for (let group = this.#groups, before: Group | undefined; group !== undefined; group = group.next) {
      if (group.form !== form) {
        before = group
        continue
      }
      if (--group.count > 0) return
      if (before === undefined) this.#groups = group.next
      else before.next = group.next
      return
    }
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

  group(form: Form<Buffer>): Group | undefined {
    let group = this.#groups
    while (group !== undefined && group.form !== form) group = group.next
    return group
  }
}
