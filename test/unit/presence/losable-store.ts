import { SluiceError } from '../../../src/errors.ts'
import { MemoryPresenceStore } from '../../../src/presence/memory.ts'
import type { PresenceStore, Snapshot, StoreWrite } from '../../../src/presence/store.ts'
import { ManualClock } from '../../support/manual-clock.ts'

/** A store that can be away, can lose everything, and counts what it is asked. */
export class LosableStore implements PresenceStore {
  away = false
  readonly writes: StoreWrite[] = []
  reads = 0
  /** The most users that one write concerned. */
  largest = 0
  /** To hold up the answers to reads and writes: each waits for it. */
  gate: Promise<void> = Promise.resolve()
  #inner = new MemoryPresenceStore({ ttlMs: 600_000 }, new ManualClock())

  lose(): void {
    this.#inner = new MemoryPresenceStore({ ttlMs: 600_000 }, new ManualClock())
  }

  async write(channel: string, node: string, write: StoreWrite): Promise<boolean> {
    this.writes.push(write)
    this.largest = Math.max(this.largest, write.put.size + write.remove.length)
    const done = this.away ? await refused() : await this.#inner.write(channel, node, write)
    await this.gate
    return done
  }

  async read(channel: string): Promise<Snapshot> {
    this.reads++
    const snapshot = this.away ? await refused() : await this.#inner.read(channel)
    await this.gate
    return snapshot
  }

  sweep(channel: string, nodes: readonly string[]): Promise<void> {
    return this.away ? refused() : this.#inner.sweep(channel, nodes)
  }

  /** Who is where, without being counted. */
  async shown(channel: string): Promise<Record<string, string[]>> {
    const parts = [...(await this.#inner.read(channel))]
    return Object.fromEntries(parts.map(([node, { users }]) => [node, [...users.keys()]]))
  }

  healthy(): boolean {
    return !this.away
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

/** The store as a node sees it that may be cut off from it. */
export function reachable(store: PresenceStore, connected: () => boolean): PresenceStore {
  return {
    write: (channel, node, write) => (connected() ? store.write(channel, node, write) : refused()),
    read: (channel) => (connected() ? store.read(channel) : refused()),
    sweep: (channel, nodes) => (connected() ? store.sweep(channel, nodes) : refused()),
    healthy: () => connected() && store.healthy(),
    close: () => store.close(),
  }
}

/** Lets time pass, with everything that is answered within it. */
export async function passing(clock: ManualClock, ms: number, stepMs = 10): Promise<void> {
  for (let passedMs = 0; passedMs <= ms; passedMs += stepMs) {
    clock.pass(passedMs === 0 ? 0 : stepMs)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function refused(): Promise<never> {
  return Promise.reject(new SluiceError('unavailable', 'the store is away'))
}
