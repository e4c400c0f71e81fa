/**
 * The fan-out of SSE: streams of the same channels that are all live get the same bytes, so an event is written
 * down once for all of them. What differs per stream, the inbox's position and the owner's tag, stands at the end of the
 * cursor as a text of its own that rarely changes.
 *
 * Everything leaves from an immediate: inside another request's handler a write would cost four system calls instead of
 * one, because that request holds the only cork buffer.
 */
import { sseEvent } from './sse-event.ts'
import { Lane, type GroupMember } from './sse-lane.ts'
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

/** To so many streams a message takes longer than the turns for which it waits. */
const MANY_STREAMS = 256
const WAIT_MS_MAX = 0.5

export class SseFanout {
  readonly #groups = new Map<string, SseGroup>()
  readonly #dirtyGroups: SseGroup[] = []
  #dirtyMembers = new Set<GroupMember>()
  #scheduled = false
  /** In which all streams get their messages. */
  readonly form: Form<string>
  readonly #countBytes: (bytes: number) => void
  readonly #caught: Caught
  readonly #monotonicMs: () => number
  /** Something has come for a group since the last turn. */
  #hasNews = false
  /** Since when the first event waits for others. */
  #waitsSinceMs: number | undefined

  constructor(
    form: Form<string>,
    countBytes: (bytes: number) => void,
    caught: Caught,
    monotonicMs: () => number,
  ) {
    this.form = form
    this.#countBytes = countBytes
    this.#caught = caught
    this.#monotonicMs = monotonicMs
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

  wrote(bytes: number): void {
    this.#countBytes(bytes)
  }

  /** `first`: it had none. */
  groupHasEvents(group: SseGroup, first: boolean): void {
    this.#hasNews = true
    if (!first) return
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

  /**
   * Messages that are sent to many at once come one in a turn, or a few, and each stream costs a system call however many it gets. So
   * a large group waits as long as each turn brings more, which takes no time where messages come one by one.
   */
  #waitsForMore(): boolean {
    const hasNews = this.#hasNews
    this.#hasNews = false
    if (!hasNews || this.#dirtyGroups.reduce((sum, { size }) => sum + size, 0) < MANY_STREAMS) return false
    const nowMs = this.#monotonicMs()
    this.#waitsSinceMs ??= nowMs
    return nowMs - this.#waitsSinceMs < WAIT_MS_MAX
  }

  readonly #flush = (): void => {
    this.#scheduled = false
    if (this.#waitsForMore()) {
      this.#schedule()
      return
    }
    this.#waitsSinceMs = undefined
    // The groups first: a stream's own events name positions that include everything of its group.
    for (const group of this.#dirtyGroups) group.flush()
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
  /** By the length of suffixes, which are nearly always equally long. */
  readonly #lanes: Lane[] = []
  readonly #segments: string[]
  #pending: Buffer[] = []

  constructor(channels: readonly string[], fanout: SseFanout, emptied: () => void) {
    this.channels = channels
    this.#fanout = fanout
    this.#emptied = emptied
    this.#segments = channels.map(() => '')
  }

  get size(): number {
    let size = 0
    for (const lane of this.#lanes) size += lane.size
    return size
  }

  /**
   * `positions` are those of the group's channels: where every live stream is. The first member brings them along. `suffix`: how each event
   * ends on this stream.
   */
  join(member: GroupMember, suffix: Uint8Array, positions: readonly (Position | undefined)[]): void {
    // What the group has so far is older than the stream.
    this.flush()
    if (this.size === 0) for (const [index, position] of positions.entries()) this.#move(index, position)
    this.#laneOf(suffix).add(member, suffix)
  }

  leave(member: GroupMember): void {
    member.lane?.remove(member)
    if (this.size === 0) this.#emptied()
  }

  /** The stream's part of the cursor is another one from here on, also behind what the group has and has not written yet. */
  change(member: GroupMember, suffix: Uint8Array): void {
    const { lane } = member
    if (lane?.suffixLength === suffix.length) {
      lane.change(member, suffix)
      return
    }
    lane?.remove(member)
    this.#laneOf(suffix).add(member, suffix)
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

  flush(): void {
    const events = this.#pending
    if (events.length === 0) return
    this.#pending = []
    let bytes = 0
    for (const lane of this.#lanes) if (lane.size > 0) bytes += lane.write(events)
    this.#fanout.wrote(bytes)
  }

  #laneOf({ length }: Uint8Array): Lane {
    let lane = this.#lanes.find(({ suffixLength }) => suffixLength === length)
    if (lane === undefined) this.#lanes.push((lane = new Lane(length)))
    return lane
  }

  #add(channel: string, position: Position | undefined, event: string): void {
    this.#move(this.channels.indexOf(channel), position)
    this.#fanout.groupHasEvents(this, this.#pending.length === 0)
    this.#pending.push(Buffer.from(`${event}id: ${cursorStart(this.#segments)}`))
  }

  #move(index: number, position: Position | undefined): void {
    const channel = this.channels[index]
    if (channel !== undefined && position !== undefined)
      this.#segments[index] = cursorSegment(tagOf(channel), position)
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
