/**
 * Keeps in the store what is announced of this node: coalesced by channel, in batches, and again after a failure until
 * it is there. A channel's changes go in the order of their versions, since the version of a write says that everything
 * up to it is in the store.
 */
import type { PresenceStore, StoreWrite } from './store.ts'
import type { Change } from './view.ts'
import { jitter, type Clock, type Timer } from '../clock.ts'
import { firstOf } from '../first-of.ts'

export interface WriterPorts {
  readonly store: PresenceStore
  readonly nodeId: string
  readonly clock: Clock
  /** Who is on this node in the channel, as the last change of each says, oldest first. */
  held(channel: string): Iterable<Change>
  failed(what: string, error: unknown): void
}

interface Channel {
  /** What the store holds of this node; 0: unknown, so all is written anew. */
  stored: number
  /** The version of the last change. */
  latest: number
  /** By user, in the order of the versions. */
  changes: Map<string, Change>
  anew: boolean
  writing: boolean
}

/** So many channels are written at a time, with a pause in between. */
const BATCH = 100
const PAUSE_MS = 20
/** So many users in one write: more would hold Redis up. */
const USERS_PER_WRITE = 500
const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 1_500
/** The nodes do not all begin at once when the store is back. */
const ANEW_SPREAD_MS = 1_000

const NOBODY: ReadonlyMap<string, undefined> = new Map()

export class PresenceWriter {
  readonly #ports: WriterPorts
  /** Those that have somebody on this node, or something that the store does not know yet. */
  readonly #channels = new Map<string, Channel>()
  readonly #queue = new Set<string>()
  #timer: Timer | undefined
  #round: Promise<boolean> | undefined
  /** Failures in a row are reported once. */
  #failing = false
  #closed = false

  constructor(ports: WriterPorts) {
    this.#ports = ports
  }

  /** The version up to which the store has this node's changes, as far as is known; to be noted before a read. */
  stored(channel: string): number {
    return this.#channels.get(channel)?.stored ?? 0
  }

  changed(channel: string, change: Change): void {
    if (this.#closed) return
    let entry = this.#channels.get(channel)
    if (entry === undefined) {
      entry = { stored: 0, latest: 0, changes: new Map(), anew: true, writing: false }
      this.#channels.set(channel, entry)
    }
    entry.latest = change.version
    entry.changes.delete(change.user)
    entry.changes.set(change.user, change)
    this.#enqueue(channel, 0)
  }

  /**
   * A read that began when `stored` was as given has shown this version of this node; 0: nothing. Where nothing was
   * written meanwhile and the two differ, the store has lost something.
   */
  shown(channel: string, version: number, stored: number): void {
    const entry = this.#channels.get(channel)
    if (entry === undefined || entry.writing || entry.anew || entry.changes.size > 0) return
    if (entry.stored === stored && version !== stored) this.#writeAnew(channel, entry, 0)
  }

  /** Writes everything of this node again, bit by bit. */
  writeAllAnew(): void {
    const delayMs = this.#ports.clock.random() * ANEW_SPREAD_MS
    for (const [channel, entry] of this.#channels) this.#writeAnew(channel, entry, delayMs)
  }

  /** Removes from the store what is there of this node. Fails with `unavailable`: then it ends with its node. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.cancel()
    await this.#round
    const { store, nodeId } = this.#ports
    const left = this.#channels.entries()
    for (;;) {
      const batch: Promise<boolean>[] = []
      for (const [channel, { latest }] of left) {
        batch.push(store.write(channel, nodeId, { after: 0, version: latest + 1, put: NOBODY, remove: [] }))
        if (batch.length === BATCH) break
      }
      if (batch.length === 0) break
      await Promise.all(batch)
    }
    this.#channels.clear()
  }

  #writeAnew(channel: string, entry: Channel, delayMs: number): void {
    entry.anew = true
    this.#enqueue(channel, delayMs)
  }

  #enqueue(channel: string, delayMs: number): void {
    this.#queue.add(channel)
    if (this.#round === undefined) this.#timer ??= this.#ports.clock.after(delayMs, () => this.#step())
  }

  #step(): void {
    this.#timer = undefined
    this.#round = this.#writeSome()
    void this.#round.then((done) => {
      this.#round = undefined
      if (this.#queue.size === 0 || this.#closed) return
      const pauseMs = done ? PAUSE_MS : jitter(this.#ports.clock, RETRY_MIN_MS, RETRY_MAX_MS)
      this.#timer = this.#ports.clock.after(pauseMs, () => this.#step())
    })
  }

  /** Answers whether all went well. Never fails. */
  async #writeSome(): Promise<boolean> {
    const batch: string[] = []
    for (const channel of this.#queue) {
      this.#queue.delete(channel)
      batch.push(channel)
      if (batch.length === BATCH) break
    }
    const results = await Promise.allSettled(batch.map((channel) => this.#write(channel)))
    const failures = results.filter((result) => result.status === 'rejected')
    const [failure] = failures
    if (failure === undefined) {
      this.#failing = false
      return true
    }
    if (!this.#failing) this.#ports.failed('a write of presence', failure.reason)
    this.#failing = true
    return false
  }

  async #write(channel: string): Promise<void> {
    const entry = this.#channels.get(channel)
    if (entry === undefined) return
    if (entry.anew) this.#startAnew(channel, entry)
    const chunk = firstOf(entry.changes, USERS_PER_WRITE)
    const write = asWrite(entry, chunk)
    entry.writing = true
    try {
      const done = await this.#ports.store.write(channel, this.#ports.nodeId, write)
      if (done) {
        entry.stored = write.version
        // A user who has changed again meanwhile stays.
        for (const change of chunk) {
          if (entry.changes.get(change.user) === change) entry.changes.delete(change.user)
        }
      } else entry.anew = true
    } catch (error) {
      this.#queue.add(channel)
      throw error
    } finally {
      entry.writing = false
    }
    if (entry.anew || entry.changes.size > 0) this.#queue.add(channel)
    else if (isEmpty(this.#ports.held(channel))) this.#channels.delete(channel)
  }

  #startAnew(channel: string, entry: Channel): void {
    entry.anew = false
    entry.stored = 0
    entry.changes = new Map()
    for (const change of this.#ports.held(channel)) entry.changes.set(change.user, change)
  }
}

function asWrite({ stored, latest, changes }: Channel, chunk: readonly Change[]): StoreWrite {
  const last = chunk.at(-1)
  return {
    after: stored,
    // The last chunk stands for everything up to now, also for those who have come and gone without being written.
    version: last === undefined || chunk.length === changes.size ? latest : last.version,
    put: new Map(chunk.filter(({ present }) => present).map(({ user, info }) => [user, info])),
    remove: chunk.filter(({ present }) => !present).map(({ user }) => user),
  }
}

function isEmpty(items: Iterable<unknown>): boolean {
  for (const _ of items) return false
  return true
}
