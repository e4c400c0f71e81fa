/**
 * The store of presence in the memory of this process: for a gateway of one node, or for several nodes in one process
 * that share it.
 */
import type { Info } from './info.ts'
import type { PresenceStore, Snapshot, StoreWrite } from './store.ts'
import type { Clock, Timer } from '../clock.ts'

interface Part {
  version: number
  readonly users: Map<string, Info | undefined>
}

interface Channel {
  readonly parts: Map<string, Part>
  touchedMs: number
}

export interface MemoryPresenceStoreOptions {
  /** How long a channel that nobody reads or writes is remembered. */
  readonly ttlMs: number
}

/** All channels are looked at once within a quarter of their time to live. */
const SWEEPS_PER_TTL = 4

export class MemoryPresenceStore implements PresenceStore {
  readonly #ttlMs: number
  readonly #clock: Clock
  readonly #channels = new Map<string, Channel>()
  readonly #forgetting: Timer

  constructor({ ttlMs }: MemoryPresenceStoreOptions, clock: Clock) {
    this.#ttlMs = ttlMs
    this.#clock = clock
    this.#forgetting = clock.every(ttlMs / SWEEPS_PER_TTL, () => this.#forgetOld())
  }

  /** For tests and metrics: how many channels are remembered. */
  get channelCount(): number {
    return this.#channels.size
  }

  write(channel: string, node: string, { after, version, put, remove }: StoreWrite): Promise<boolean> {
    const parts = this.#parts(channel) ?? this.#enter(channel)
    const part = parts.get(node)
    if (after !== 0 && part?.version !== after) return Promise.resolve(false)
    const users = after === 0 || part === undefined ? new Map<string, Info | undefined>() : part.users
    for (const user of remove) users.delete(user)
    for (const [user, info] of put) users.set(user, info)
    parts.set(node, { version, users })
    return Promise.resolve(true)
  }

  /** A copy: what is written later does not show in it. */
  read(channel: string): Promise<Snapshot> {
    const parts = this.#parts(channel) ?? new Map<string, Part>()
    return Promise.resolve(
      new Map([...parts].map(([node, { version, users }]) => [node, { version, users: new Map(users) }])),
    )
  }

  sweep(channel: string, nodes: readonly string[]): Promise<void> {
    const parts = this.#channels.get(channel)?.parts
    for (const node of nodes) parts?.delete(node)
    return Promise.resolve()
  }

  healthy(): boolean {
    return true
  }

  /** Only the clean-up ends: other nodes of the process may share the store. */
  close(): Promise<void> {
    this.#forgetting.cancel()
    return Promise.resolve()
  }

  #enter(channel: string): Map<string, Part> {
    const parts = new Map<string, Part>()
    this.#channels.set(channel, { parts, touchedMs: this.#clock.monotonicMs() })
    return parts
  }

  #parts(channel: string): Map<string, Part> | undefined {
    const entry = this.#channels.get(channel)
    if (entry === undefined) return undefined
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - entry.touchedMs > this.#ttlMs) {
      this.#channels.delete(channel)
      return undefined
    }
    entry.touchedMs = nowMs
    return entry.parts
  }

  #forgetOld(): void {
    const nowMs = this.#clock.monotonicMs()
    for (const [channel, { touchedMs }] of this.#channels)
      if (nowMs - touchedMs > this.#ttlMs) this.#channels.delete(channel)
  }
}
