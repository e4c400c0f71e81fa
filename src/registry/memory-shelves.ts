/**
 * The small tables of the registry, in the memory of this process. Pure: times are given, in milliseconds.
 */
import { SHELVES, VERSION_TTL_MS, VERSIONS_MAX, type Shelf } from './registry.ts'

interface Kept {
  readonly text: string
  readonly untilMs: number
}

export class MemoryShelves {
  readonly #shelves = new Map<Shelf, Map<string, Kept>>()

  put(shelf: Shelf, key: string, kept: Kept, nowMs: number): void {
    const all = this.#fresh(shelf, nowMs)
    all.set(key, kept)
    if (all.size > SHELVES[shelf]) all.delete(leastOf(all, ({ untilMs }) => untilMs))
  }

  take(shelf: Shelf, key: string, nowMs: number): boolean {
    return this.#fresh(shelf, nowMs).delete(key)
  }

  read(shelf: Shelf, keys: readonly string[] | undefined, nowMs: number): ReadonlyMap<string, string> {
    const all = this.#fresh(shelf, nowMs)
    const found = new Map<string, string>()
    for (const key of keys ?? all.keys()) {
      const kept = all.get(key)
      if (kept !== undefined) found.set(key, kept.text)
    }
    return found
  }

  swap(shelf: Shelf, key: string, before: string | undefined, kept: Kept, nowMs: number): boolean {
    if (this.#fresh(shelf, nowMs).get(key)?.text !== before) return false
    this.put(shelf, key, kept, nowMs)
    return true
  }

  #fresh(shelf: Shelf, nowMs: number): Map<string, Kept> {
    let all = this.#shelves.get(shelf)
    if (all === undefined) this.#shelves.set(shelf, (all = new Map()))
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
