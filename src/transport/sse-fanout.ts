/**
 * The fan-out of SSE: streams of the same channels that are all live get the same bytes, so an event is written
 * down once for all of them. What differs per stream, the inbox's position and the owner's tag, stands at the end of the
 * cursor as a text of its own that rarely changes.
 *
 * Everything leaves from one immediate per turn of the loop: inside another request's handler a write would cost
 * four system calls instead of one, because that request holds the only cork buffer.
 */
import { sseEvent } from './sse-event.ts'
import type { Caught } from '../errors.ts'
import type { StreamFanout } from '../hub/fanout.ts'
import type { Source } from '../hub/source.ts'
import type { Subscription } from '../hub/subscription.ts'
import { isInbox } from '../protocol/channel.ts'
import { cursorSegment, cursorStart, tagOf } from '../protocol/cursor.ts'
import type { Encoded } from '../protocol/encoded.ts'
import type { EncodedEvent } from '../protocol/encoded-event.ts'
import type { Form } from '../protocol/form.ts'
import type { Position } from '../protocol/position.ts'

/** A stream as its group writes to it. */
export interface GroupMember {
  /** Of the group's pending events, those before this one are older than the stream. */
  joinedAt: number
  /** How each event ends on this stream: its own part of the cursor, and the empty line. */
  readonly suffix: Uint8Array
  /** Writes whole events in one system call. The bytes are the stream's during the call only. */
  writeShared(events: Uint8Array): void
  /** The group has written everything it had: the stream may write what is its own, join a group or leave it. */
  settle(): void
  /** Something of it has failed: it ends. */
  abandon(): void
}

export class SseFanout {
  readonly #groups = new Map<string, SseGroup>()
  readonly #dirtyGroups: SseGroup[] = []
  #dirtyMembers = new Set<GroupMember>()
  #scheduled = false
  /** In which all streams get their messages. */
  readonly form: Form<string>
  readonly #countBytes: (bytes: number) => void
  readonly #caught: Caught

  constructor(form: Form<string>, countBytes: (bytes: number) => void, caught: Caught) {
    this.form = form
    this.#countBytes = countBytes
    this.#caught = caught
  }

  /** The group of the streams of these channels, in this order. */
  group(channels: readonly string[]): SseGroup {
    // A channel's name has no comma.
    const key = channels.join(',')
    let group = this.#groups.get(key)
    if (group === undefined) {
      group = new SseGroup(channels, this, () => this.#groups.delete(key))
      this.#groups.set(key, group)
    }
    return group
  }

  groupHasEvents(group: SseGroup): void {
    this.#dirtyGroups.push(group)
    this.#schedule()
  }

  /** `settle` of the stream is called at the end of the turn. */
  memberHasWork(member: GroupMember): void {
    this.#dirtyMembers.add(member)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#flush)
  }

  readonly #flush = (): void => {
    this.#scheduled = false
    // The groups first: a stream's own events name positions that include everything of its group.
    for (const group of this.#dirtyGroups) this.#countBytes(group.flush())
    this.#dirtyGroups.length = 0
    const members = this.#dirtyMembers
    this.#dirtyMembers = new Set()
    for (const member of members) this.#settle(member)
  }

  /** One stream that fails is no reason for the others to wait. */
  #settle(member: GroupMember): void {
    try {
      member.settle()
    } catch (error) {
      this.#caught('flush', error)
      member.abandon()
    }
  }
}

export class SseGroup implements StreamFanout {
  readonly transport = 'sse'
  readonly channels: readonly string[]
  readonly #fanout: SseFanout
  readonly #emptied: () => void
  readonly #members = new Set<GroupMember>()
  readonly #segments: string[]
  #pending: Buffer[] = []

  constructor(channels: readonly string[], fanout: SseFanout, emptied: () => void) {
    this.channels = channels
    this.#fanout = fanout
    this.#emptied = emptied
    this.#segments = channels.map(() => '')
  }

  get size(): number {
    return this.#members.size
  }

  /** `positions` are those of the group's channels: where every live stream is. The first member brings them along. */
  join(member: GroupMember, positions: readonly (Position | undefined)[]): void {
    if (this.#members.size === 0) {
      for (const [index, position] of positions.entries()) this.#move(index, position)
    }
    member.joinedAt = this.#pending.length
    this.#members.add(member)
  }

  leave(member: GroupMember): void {
    this.#members.delete(member)
    if (this.#members.size === 0) this.#emptied()
  }

  message(channel: string, encoded: Encoded): void {
    const { message } = encoded
    this.#add(
      channel,
      message.kind === 'logged' ? message : undefined,
      sseEvent('message', encoded.as(this.#fanout.form).data),
    )
  }

  event(encoded: EncodedEvent): void {
    const written = encoded.as(this.#fanout.form)
    const { channel, type } = encoded.event
    if (written !== undefined) this.#add(channel, undefined, sseEvent(type, written.data))
  }

  /** Answers how many bytes left. */
  flush(): number {
    const events = this.#pending
    if (events.length === 0) return 0
    this.#pending = []
    let batch = new Batch(events, 0)
    let bytes = 0
    for (const member of this.#members) {
      const from = member.joinedAt
      member.joinedAt = 0
      if (from >= events.length) continue
      // The streams' suffixes are nearly always equally long.
      if (batch.suffixLength !== member.suffix.length) batch = new Batch(events, member.suffix.length)
      const own = batch.for(member.suffix, from)
      bytes += own.length
      member.writeShared(own)
    }
    return bytes
  }

  #add(channel: string, position: Position | undefined, event: string): void {
    this.#move(this.channels.indexOf(channel), position)
    if (this.#pending.length === 0) this.#fanout.groupHasEvents(this)
    this.#pending.push(Buffer.from(`${event}id: ${cursorStart(this.#segments)}`))
  }

  #move(index: number, position: Position | undefined): void {
    const channel = this.channels[index]
    if (channel !== undefined && position !== undefined)
      this.#segments[index] = cursorSegment(tagOf(channel), position)
  }
}

/**
 * The events of one turn in one piece, with room for a stream's suffix behind each. Only the suffixes differ between
 * streams, so for each stream they are written over those of the last one: no allocation, and one write.
 */
class Batch {
  readonly suffixLength: number
  readonly #bytes: Buffer
  /** Where the suffix of each event goes. */
  readonly #places: number[] = []

  constructor(events: readonly Uint8Array[], suffixLength: number) {
    this.suffixLength = suffixLength
    let length = 0
    for (const event of events) length += event.length + suffixLength
    this.#bytes = Buffer.allocUnsafe(length)
    let at = 0
    for (const event of events) {
      this.#bytes.set(event, at)
      at += event.length
      this.#places.push(at)
      at += suffixLength
    }
  }

  /** The events from `from` on as they go to one stream; valid until the next call. */
  for(suffix: Uint8Array, from: number): Uint8Array {
    for (let i = from; i < this.#places.length; i++) this.#bytes.set(suffix, this.#places[i])
    return from === 0
      ? this.#bytes
      : this.#bytes.subarray((this.#places[from - 1] as number) + this.suffixLength)
  }
}

/** The channels that a stream could share with others, in order of their names; none while it is behind on one. */
export function sharedSources(subscriptions: Iterable<Subscription>): Source[] {
  const shared: Source[] = []
  for (const { live, source } of subscriptions) {
    if (!live) return []
    if (!isInbox(source.name)) shared.push(source)
  }
  return shared.sort((a, b) => (a.name < b.name ? -1 : 1))
}
