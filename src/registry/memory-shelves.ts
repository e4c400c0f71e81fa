/**
 * The small tables of the registry, in the memory of this process. Pure: times are given, in milliseconds.
 */
import { SHELF_MAX, VERSION_TTL_MS, VERSIONS_MAX, type Shelf } from './registry.ts'

interface Kept {
  readonly text: string
  readonly untilMs: number
}

export class MemoryShelves {
  readonly #shelves: Readonly<Record<Shelf, Map<string, Kept>>> = { orders: new Map(), drains: new Map() }

  put(shelf: Shelf, key: string, kept: Kept, nowMs: number): void {
    const all = this.#fresh(shelf, nowMs)
    all.set(key, kept)
    if (all.size > SHELF_MAX) all.delete(leastOf(all, ({ untilMs }) => untilMs))
  }

  take(shelf: Shelf, key: string, nowMs: number): boolean {
    return this.#fresh(shelf, nowMs).delete(key)
  }

  read(shelf: Shelf, nowMs: number): ReadonlyMap<string, string> {
    return new Map([...this.#fresh(shelf, nowMs)].map(([key, { text }]) => [key, text]))
  }

  #fresh(shelf: Shelf, nowMs: number): Map<string, Kept> {
    const all = this.#shelves[shelf]
    for (const [key, { untilMs }] of all) if (untilMs <= nowMs) all.delete(key)
    return all
  }
}

export class MemoryVersions {
  readonly #seen = new Map<string, { readonly firstMs: number; readonly lastMs: number }>()

  firstSeen(version: string, knownMs: number | undefined, nowMs: number): number {
    for (const [name, { lastMs }] of this.#seen) if (nowMs - lastMs > VERSION_TTL_MS) this.#seen.delete(name)
    const firstMs = Math.min(this.#seen.get(version)?.firstMs ?? nowMs, knownMs ?? nowMs)
    // In the order in which they were named.
    this.#seen.delete(version)
    this.#seen.set(version, { firstMs, lastMs: nowMs })
    if (this.#seen.size > VERSIONS_MAX) this.#seen.delete(leastOf(this.#seen, ({ lastMs }) => lastMs))
    return firstMs
  }
}

/** The key of the entry that has the least. */
function leastOf<T>(all: ReadonlyMap<string, T>, of: (one: T) => number): string {
  const [first, ...rest] = all
  return rest.reduce((least, one) => (of(one[1]) < of(least[1]) ? one : least), first as [string, T])[0]
}
