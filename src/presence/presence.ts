/**
 * Who is in the channels that keep presence, across all nodes. Decides nothing itself: a view for each channel that has
 * subscribers here says what to tell them, the other nodes and the store.
 *
 * A change costs one announcement and one write, both together with everything else of the same turn. Nothing is done
 * for a member for as long as he stays; a channel is read once in `refreshMs`.
 */
import {
  decodeAnnouncement,
  encodeAnnouncement,
  inAnnouncements,
  type ChannelChange,
} from './announcements.ts'
import { Attendance, type Moment } from './attendance.ts'
import { Deadline } from './deadline.ts'
import { newestOf, type Entry, type Info, type Members, type Statement } from './info.ts'
import { NodeWatch } from './node-watch.ts'
import { PacedQueue } from './paced-queue.ts'
import { RecentChanges } from './recent-changes.ts'
import type { PresenceOptions, PresencePorts } from './ports.ts'
import type { Snapshot } from './store.ts'
import { PresenceView, type Change, type Decision } from './view.ts'
import { PresenceWriter } from './writer.ts'
import { jitter, type Timer } from '../clock.ts'
import type { ChannelEvent } from '../protocol/form.ts'
import { userOf } from '../protocol/member-name.ts'
import { Wheel } from '../wheel.ts'

export const PRESENCE_LEAVE_DELAY_MS = 2_000
export const PRESENCE_REFRESH_MS = 30_000

const TICK_MS = 100
const LOOK_INTERVAL_MS = 5_000
/** A first read that failed is tried again after so long; `members` does not wait for it. */
const RETRY_MIN_MS = 1_000
const RETRY_MAX_MS = 5_000
/** Changes in one announcement: some tens of kilobytes, far below what the backbone carries. */
const ANNOUNCE_PACE = { batch: 500, pauseMs: 5 }
const TELL_PACE = { batch: 500, pauseMs: 5 }
const READ_PACE = { batch: 50, pauseMs: 20 }

interface Channel {
  readonly name: string
  readonly view: PresenceView
  readonly attendance: Attendance
  readonly refresh: Deadline
  readonly leaves: Deadline
  /** Nobody is subscribed: it is forgotten unless somebody comes. */
  readonly forgotten: Deadline
  reading: Promise<void> | undefined
}

export class Presence {
  readonly #ports: PresencePorts
  readonly #leaveDelayMs: number
  readonly #refreshMs: number
  /** Those that have subscribers here, or had a moment ago. */
  readonly #channels = new Map<string, Channel>()
  readonly #watch = new NodeWatch()
  readonly #recent = new RecentChanges()
  readonly #writer: PresenceWriter
  readonly #wheel: Wheel
  readonly #looking: Timer
  readonly #announcements: PacedQueue<ChannelChange>
  readonly #events: PacedQueue<ChannelEvent>
  readonly #reads: PacedQueue<Channel>
  #version = 0
  /** Failures in a row are reported once. */
  #readsFail = false
  #closed = false

  constructor(options: PresenceOptions, ports: PresencePorts) {
    const { store, nodeId, clock } = ports
    this.#ports = ports
    this.#leaveDelayMs = options.leaveDelayMs ?? PRESENCE_LEAVE_DELAY_MS
    this.#refreshMs = options.refreshMs ?? PRESENCE_REFRESH_MS
    this.#writer = new PresenceWriter({
      store,
      nodeId,
      clock,
      held: (channel) => this.#channels.get(channel)?.view.held() ?? [],
      failed: (what, error) => ports.failed(what, error),
    })
    this.#wheel = new Wheel(clock, TICK_MS, (_wall, error) => ports.failed('a deadline of presence', error))
    this.#looking = clock.every(LOOK_INTERVAL_MS, () => void this.#look())
    this.#announcements = new PacedQueue(ANNOUNCE_PACE, clock, (changes) => {
      for (const piece of inAnnouncements(changes))
        ports.send(encodeAnnouncement({ kind: 'changes', changes: piece }))
    })
    this.#events = new PacedQueue(TELL_PACE, clock, (events) => {
      for (const event of events) if (this.#channels.has(event.channel)) ports.tell(event)
    })
    this.#reads = new PacedQueue(READ_PACE, clock, (channels) => {
      for (const channel of channels) {
        this.#read(channel).catch((error: unknown) => this.#readFailed(channel, error))
      }
    })
  }

  /** One more subscription of the user, on this node. `by`: whoever has it, as in the calls that follow. */
  entered(channel: string, user: string, by: object, entry?: Entry): void {
    if (this.#closed) return
    const known = this.#channels.get(channel) ?? this.#open(channel)
    this.#carryOut(known, known.attendance.subscribed(user, by, entry, this.#moment()))
  }

  /** One subscription less of the user, on this node. */
  left(channel: string, user: string, by: object): void {
    const entry = this.#channels.get(channel)
    if (entry === undefined || this.#closed) return
    this.#carryOut(entry, entry.attendance.unsubscribed(user, by, this.#moment()))
    // A poll is away between two answers. What its channel was told is remembered meanwhile, or each would be answered at once with all
    // of it again.
    if (entry.attendance.deserted) this.#wheel.schedule(entry.forgotten, this.#leaveDelayMs)
  }

  /** The moment of what is said now: each is later than the one before. */
  now(): number {
    return this.#nextVersion()
  }

  /** The user is in the channel, if he was not, and says this of himself. */
  says(channel: string, user: string, by: object, statement: Statement): void {
    const entry = this.#channels.get(channel)
    if (entry === undefined || this.#closed) return
    this.#carryOut(entry, entry.attendance.says(user, by, statement, this.#moment()))
  }

  /** The user is not in the channel by this subscription, though it goes on. */
  withdraws(channel: string, user: string, by: object): void {
    const entry = this.#channels.get(channel)
    if (entry === undefined || this.#closed) return
    this.#carryOut(entry, entry.attendance.withdraws(user, by, this.#moment()))
  }

  /** What a node has sent; answers whether it was of presence. */
  heard(fromNode: string, payload: Uint8Array): boolean {
    const announcement = decodeAnnouncement(payload)
    if (announcement === undefined) return false
    if (fromNode === this.#ports.nodeId || this.#closed) return true
    if (announcement.kind === 'gone') {
      this.#watch.left(fromNode)
      this.#forgetNode(fromNode)
      return true
    }
    this.#watch.heard(fromNode)
    for (const change of announcement.changes) {
      const entry = this.#channels.get(change.channel)
      if (entry?.view.complete !== true) this.#recent.add(fromNode, change)
      if (entry !== undefined) this.#carryOut(entry, entry.view.changed(fromNode, change, this.#nowMs()))
    }
    return true
  }

  /** The users in the channel, each once, with what each says of himself. Fails with `unavailable`. */
  async members(channel: string): Promise<Members> {
    const entry = this.#channels.get(channel)
    if (entry !== undefined && !entry.view.complete) await this.#read(entry)
    // Its last subscriber may have gone while it was read.
    if (entry?.view.complete === true) return entry.view.members()
    const [snapshot, alive] = await Promise.all([this.#ports.store.read(channel), this.#ports.liveNodes()])
    const members = new Map<string, Info | undefined>()
    for (const node of alive) {
      for (const [user, info] of snapshot.get(node)?.users ?? [])
        members.set(user, newestOf([info, members.get(user)]))
    }
    return new Map([...members].map(([user, info]) => [user, info?.json]))
  }

  /** Who is in which channel on this node. */
  *held(): Generator<readonly [channel: string, user: string]> {
    for (const [channel, { view }] of this.#channels)
      for (const { user } of view.held()) yield [channel, userOf(user)]
  }

  /** The store can be reached again and may have lost what was in it. */
  storeReturned(): void {
    if (this.#closed) return
    this.#writer.writeAllAnew()
    for (const entry of this.#channels.values()) if (!entry.view.complete) this.#reads.push(entry)
  }

  /** Takes everybody on this node out of the store, and says so to the other nodes. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#looking.cancel()
    this.#wheel.close()
    for (const queue of [this.#announcements, this.#events, this.#reads]) queue.close()
    this.#channels.clear()
    this.#ports.send(encodeAnnouncement({ kind: 'gone' }))
    try {
      await this.#writer.close()
    } catch (error) {
      // What stays ends with this node, since nobody believes a node that is gone.
      this.#ports.failed('taking this node out of presence', error)
    }
  }

  #open(name: string): Channel {
    const view = new PresenceView(this.#leaveDelayMs)
    const entry: Channel = {
      name,
      view,
      attendance: new Attendance(view),
      refresh: new Deadline(() => this.#reads.push(entry)),
      leaves: new Deadline(() => this.#carryOut(entry, entry.view.due(this.#nowMs()))),
      forgotten: new Deadline(() => {
        if (entry.attendance.deserted) this.#drop(entry)
      }),
      reading: undefined,
    }
    this.#channels.set(name, entry)
    this.#reads.push(entry)
    return entry
  }

  #drop(entry: Channel): void {
    this.#wheel.cancel(entry.refresh)
    this.#wheel.cancel(entry.leaves)
    this.#wheel.cancel(entry.forgotten)
    this.#channels.delete(entry.name)
  }

  #current(entry: Channel): boolean {
    return this.#channels.get(entry.name) === entry
  }

  #carryOut(entry: Channel, decisions: readonly Decision[]): void {
    for (const decision of decisions) {
      switch (decision.kind) {
        case 'tell': {
          const { kind: _, ...told } = decision
          this.#events.push({ ...told, channel: entry.name })
          break
        }
        case 'announce':
          this.#announce(entry.name, decision.change)
          break
        default:
          decision satisfies never
      }
    }
    const dueMs = entry.view.nextDueMs
    if (dueMs === undefined) this.#wheel.cancel(entry.leaves)
    else this.#wheel.schedule(entry.leaves, dueMs - this.#nowMs())
  }

  #announce(channel: string, change: Change): void {
    this.#announcements.push({ channel, ...change })
    this.#writer.changed(channel, change)
    const user = userOf(change.user)
    const { present } = change
    this.#ports.changed(channel, user, present || this.#channels.get(channel)?.view.holds(user) === true)
  }

  /** Those who need it at the same time share one read. Fails with `unavailable`. */
  #read(entry: Channel): Promise<void> {
    entry.reading ??= this.#readNow(entry).finally(() => (entry.reading = undefined))
    return entry.reading
  }

  async #readNow(entry: Channel): Promise<void> {
    if (!this.#current(entry)) return
    const { store, nodeId, clock } = this.#ports
    const stored = this.#writer.stored(entry.name)
    const first = !entry.view.complete
    const snapshot = await store.read(entry.name)
    this.#readsFail = false
    if (!this.#current(entry)) return
    this.#writer.shown(entry.name, snapshot.get(nodeId)?.version ?? 0, stored)
    this.#carryOut(entry, entry.view.snapshot(this.#others(entry.name, snapshot), this.#nowMs()))
    if (first) this.#catchUp(entry)
    // Each channel has its own moment, so that those of a busy second are not read in one again and again.
    this.#wheel.schedule(entry.refresh, first ? jitter(clock, 0, this.#refreshMs) : this.#refreshMs)
  }

  #catchUp(entry: Channel): void {
    for (const { node, change } of this.#recent.of(entry.name)) {
      if (this.#watch.gone(node)) continue
      this.#carryOut(entry, entry.view.changed(node, change, this.#nowMs()))
    }
  }

  #readFailed(entry: Channel, error: unknown): void {
    if (!this.#readsFail) this.#ports.failed('a read of presence', error)
    this.#readsFail = true
    if (!this.#current(entry)) return
    this.#wheel.schedule(entry.refresh, jitter(this.#ports.clock, RETRY_MIN_MS, RETRY_MAX_MS))
  }

  /** What the store says of the other nodes, without those that are gone, which are swept. */
  #others(channel: string, snapshot: Snapshot): Snapshot {
    const others = new Map(snapshot)
    others.delete(this.#ports.nodeId)
    const gone: string[] = []
    for (const node of others.keys()) {
      this.#watch.met(node)
      if (this.#watch.gone(node)) gone.push(node)
    }
    for (const node of gone) others.delete(node)
    if (gone.length > 0) {
      this.#ports.store.sweep(channel, gone).catch((error: unknown) => {
        this.#ports.failed('the removal of a node that is gone from presence', error)
      })
    }
    return others
  }

  async #look(): Promise<void> {
    this.#recent.age()
    if (this.#channels.size === 0) return
    try {
      const alive = new Set(await this.#ports.liveNodes())
      if (this.#closed) return
      for (const node of this.#watch.looked(alive)) this.#forgetNode(node)
    } catch (error) {
      this.#ports.failed('a look at which nodes are alive, for presence', error)
    }
  }

  #forgetNode(node: string): void {
    for (const entry of this.#channels.values()) {
      this.#carryOut(entry, entry.view.nodeGone(node, this.#nowMs()))
    }
  }

  #nowMs(): number {
    return this.#ports.clock.monotonicMs()
  }

  #moment(): Moment {
    return { version: this.#nextVersion(), nowMs: this.#nowMs() }
  }

  /** Begins with the time, so that a node of the same id that was here before is overtaken. */
  #nextVersion(): number {
    this.#version = Math.max(this.#version + 1, Math.floor(this.#ports.clock.now()))
    return this.#version
  }
}
