/**
 * The way of messages and events to the live subscribers of a channel: native topics for sockets, calls for streams.
 */
import type { Fanout, Group } from './fanout.ts'
import type { Subscriber, Spared, TopicMember } from './subscriber.ts'
import { TurnLog, type OverLimit, type Published } from './turn-log.ts'
import type { Witness } from '../observe/witness.ts'
import { isInbox } from '../protocol/channel.ts'
import type { Encoded } from '../protocol/encoded.ts'
import { EncodedEvent } from '../protocol/encoded-event.ts'
import type { ChannelEvent, Form, Written } from '../protocol/form.ts'
import type { Message } from '../protocol/message.ts'
import type { Position } from '../protocol/position.ts'
import { NATIVE, TRANSPORTS, type TransportName } from '../protocol/transport-name.ts'

/** The native topics of the public listener. */
export interface Topics {
  /** `except`: it is on the topic, and does not get it. */
  publish(topic: string, message: Uint8Array, binary: boolean, except?: TopicMember): void
}

/** To how many subscribers a message was handed, by transport, and how many bytes that was on native topics. Reused. */
export type Handed = Readonly<Record<TransportName, number>> & { readonly nativeBytes: number }

export interface TopicsMetrics {
  /** `handed` is good for the time of the call. */
  fannedOut(message: Message, handed: Handed): void
}

/** The topic of those who get a channel's messages in this form. */
export function topicOf(form: Form, channel: string): string {
  return form.topicPrefix + channel
}

export interface LiveTopicsPorts {
  readonly topics: Topics
  readonly metrics: TopicsMetrics
  readonly witness: Pick<Witness, 'tap'>
  /** Who is live on a channel here under this exclusion key. */
  liveOn(channel: string, exclusionKey: string): Subscriber | undefined
}

export class LiveTopics {
  readonly #ports: LiveTopicsPorts
  readonly #turns = new TurnLog()
  readonly #overLimit: OverLimit[] = []
  readonly #handed = Object.fromEntries([...TRANSPORTS, 'nativeBytes'].map((name) => [name, 0])) as {
    -readonly [Name in keyof Handed]: number
  }

  constructor(ports: LiveTopicsPorts) {
    this.#ports = ports
  }

  /** The number of the next message that goes to the topics. */
  get sequence(): number {
    return this.#turns.sequence
  }

  /**
   * To all who are live, but one whom the message excludes: what that costs does not grow with their number, and a message without an
   * exclusion costs a comparison. `before`: where a subscriber stood who had everything before it; `undefined` on an ephemeral channel.
   */
  deliver(channel: string, fanout: Fanout, encoded: Encoded, before: Position | undefined): void {
    const handed = this.#handed
    for (const transport of TRANSPORTS) handed[transport] = 0
    handed.nativeBytes = 0
    const exclude = encoded.message.meta?.exclude
    const excluded = exclude === undefined ? undefined : this.#ports.liveOn(channel, exclude)
    // He stays live: his place is the feed's, which has passed the message.
    const spared = excluded?.stepAside(fanout, channel, encoded)
    fanout.messages++
    if (isInbox(channel)) this.#toEach(channel, fanout, encoded, before, excluded)
    else this.#toTopics(channel, fanout, encoded, before, spared)
    const { streams } = fanout
    if (streams !== undefined) {
      for (const stream of streams) {
        handed[stream.transport] += stream.size
        stream.message(channel, encoded)
      }
    }
    // What goes to sockets has the payload in it; without that, what the payload came in would be kept with it.
    if (handed[NATIVE] === 0) encoded.unpin()
    this.#ports.metrics.fannedOut(encoded.message, handed)
    this.#ports.witness.tap?.fannedOut(channel, encoded)
    if (spared === undefined) excluded?.attach(fanout, channel)
  }

  /** Beside the messages: who is behind, or comes later, does not get it. */
  tell(fanout: Fanout, event: ChannelEvent, position: Position | undefined): void {
    const encoded = new EncodedEvent(event)
    for (let group = fanout.groups; group !== undefined; group = group.next) {
      const written = encoded.as(group.form)
      if (written !== undefined) this.#publish(event.channel, written, group.form, position)
    }
    for (const stream of fanout.streams ?? []) stream.event(encoded)
  }

  /** What a client has missed that has just not got `dropped`, in order. `undefined`: not a message of the topics. */
  missedFrom(dropped: Uint8Array): readonly Published[] | undefined {
    return this.#turns.from(dropped)
  }

  /** `socket.settle` runs before anything else is published: it must have left its topics by then. */
  settleBeforePublish(socket: OverLimit): void {
    this.#overLimit.push(socket)
  }

  settle(channel: string, before: Position | undefined): void {
    while (this.#overLimit.length > 0) this.#overLimit.pop()?.settle(channel, before)
  }

  /**
   * To the sockets of an inbox, which are on no topic: a topic for each user would be some 600 bytes in the library, and a publish
   * to it costs more than a `send` to the one or two sockets of a user.
   */
  #toEach(
    channel: string,
    fanout: Fanout,
    encoded: Encoded,
    before: Position | undefined,
    excluded: Subscriber | undefined,
  ): void {
    this.settle(channel, before)
    for (let member = fanout.firstLive, next; member !== undefined; member = next) {
      next = member.nextLive
      if (member.subscriber !== excluded && member.takeLive(encoded, before)) this.#handed[NATIVE]++
    }
    this.settle(channel, before)
  }

  #toTopics(
    channel: string,
    fanout: Fanout,
    encoded: Encoded,
    before: Position | undefined,
    spared: Spared | undefined,
  ): void {
    for (let group = fanout.groups; group !== undefined; group = group.next) {
      const written = encoded.as(group.form)
      group.bytes += written.data.length
      this.#send(channel, written, group, before, spared)
    }
  }

  #send(
    channel: string,
    written: Written<Buffer>,
    group: Group,
    before: Position | undefined,
    spared: Spared | undefined,
  ): void {
    const { form } = group
    const except = spared?.form === form ? spared.member : undefined
    const count = except === undefined ? group.count : group.count - 1
    if (count === 0) return
    const handed = this.#handed
    handed[NATIVE] += count
    handed.nativeBytes += count * written.data.length
    this.#publish(channel, written, form, before, except)
  }

  #publish(
    channel: string,
    { data, binary }: Written<Buffer>,
    form: Form,
    before: Position | undefined,
    except?: TopicMember,
  ): void {
    // A socket that did not get the last message must not get this one: before, for those whom the loop's own flush has
    // found over their limit; after, for those whom this call has.
    this.settle(channel, before)
    this.#turns.record(channel, data, before)
    this.#ports.topics.publish(topicOf(form, channel), data, binary, except)
    this.settle(channel, before)
  }
}
