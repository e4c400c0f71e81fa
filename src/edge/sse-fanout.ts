/**
 * The fan-out of SSE: streams of the same channels that are all live get the same bytes, so an event is written
 * down once for all of them. What differs per stream, the inbox's position and the owner's tag, stands at the end of the
 * cursor as a text of its own that rarely changes.
 *
 * Everything leaves from one immediate per turn of the loop: inside another request's handler a write would cost
 * four system calls instead of one, because that request holds the only cork buffer.
 */
import type { StreamFanout } from '../hub/outlet.ts'
import { publicName } from '../protocol/channel.ts'
import { cursorSegment, tagOf } from '../protocol/cursor.ts'
import { encodeFrame, type Encoded } from '../protocol/encode.ts'
import type { Position, ResetReason } from '../protocol/frames.ts'

/** A stream as its group writes to it. */
export interface GroupMember {
  /** Of the group's pending events, those before this one are older than the stream. */
  joinedAt: number
  /** Writes events, each followed by the stream's own end of the cursor, in one system call. */
  writeShared(events: readonly Uint8Array[], from: number): void
  /** The group has written everything it had: the stream may write what is its own, join a group or leave it. */
  settle(): void
}

export class SseFanout {
  readonly #groups = new Map<string, SseGroup>()
  readonly #dirtyGroups: SseGroup[] = []
  #dirtyMembers = new Set<GroupMember>()
  #scheduled = false
  readonly #countBytes: (bytes: number) => void

  constructor(countBytes: (bytes: number) => void) {
    this.#countBytes = countBytes
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
    for (const member of members) member.settle()
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
    this.#add(channel, message.kind === 'logged' ? message : undefined, sseEvent('message', encoded.json))
  }

  reset(channel: string, position: Position, reason: ResetReason): void {
    const { epoch, offset } = position
    const frame = encodeFrame({ type: 'reset', channel: publicName(channel), epoch, offset, reason })
    this.#add(channel, position, sseEvent('reset', frame))
  }

  /** Answers about how many bytes left. */
  flush(): number {
    const events = this.#pending
    this.#pending = []
    let bytes = 0
    for (const event of events) bytes += event.length
    for (const member of this.#members) {
      if (member.joinedAt < events.length) member.writeShared(events, member.joinedAt)
      member.joinedAt = 0
    }
    return bytes * this.#members.size
  }

  #add(channel: string, position: Position | undefined, event: string): void {
    this.#move(this.channels.indexOf(channel), position)
    if (this.#pending.length === 0) this.#fanout.groupHasEvents(this)
    this.#pending.push(Buffer.from(`${event}id: 1${this.#segments.join('')}`))
  }

  #move(index: number, position: Position | undefined): void {
    const channel = this.channels[index]
    if (channel !== undefined && position !== undefined)
      this.#segments[index] = cursorSegment(tagOf(channel), position)
  }
}

/** An event without its `id:` line and its end. `json` is on one line, as the `data:` field needs it (HTML, section 9.2.6). */
export function sseEvent(name: string, json: string): string {
  return `event: ${name}\ndata: ${json}\n`
}
