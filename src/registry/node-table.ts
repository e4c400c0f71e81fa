/**
 * The table of nodes as one client last read it, and what follows from it for the sessions of a user. Pure: times are
 * given, in milliseconds by the clock of the store.
 */
import { nodeInfoIn } from './node-info.ts'
import type { Claimed, NodeInfo, RegistryOptions } from './registry.ts'

interface NodeEntry {
  readonly seenMs: number
  readonly left: boolean
  /** JSON of a `NodeInfo`. */
  readonly info: string
}

/** A session as it is stored: `c` or `d` for connected or detached, since when, a space, the node. */
export interface SessionEntry {
  readonly connected: boolean
  readonly sinceMs: number
  readonly node: string
}

export class NodeTable {
  /** When it was read, by the clock of the store. */
  readonly readMs: number
  /** The same moment by the reader's clock that does not jump. */
  readonly readMonotonicMs: number
  readonly #options: RegistryOptions
  readonly #nodes = new Map<string, NodeEntry>()

  /** `fields`: id, entry, id, entry, … as heartbeat.lua describes them. */
  constructor(fields: readonly string[], readMs: number, readMonotonicMs: number, options: RegistryOptions) {
    this.readMs = readMs
    this.readMonotonicMs = readMonotonicMs
    this.#options = options
    for (const [id, text] of pairs(fields)) {
      const match = /^(\d+) ([01]) (\{.*\})$/s.exec(text)
      if (match === null) continue
      const [, seen, left, info] = match as unknown as [string, string, string, string]
      this.#nodes.set(id, { seenMs: Number(seen), left: left === '1', info })
    }
  }

  /** What the clock of the store shows, as far as the reader can tell. */
  storeNowMs(monotonicMs: number): number {
    return this.readMs + (monotonicMs - this.readMonotonicMs)
  }

  alive(node: string, nowMs: number): boolean {
    const entry = this.#nodes.get(node)
    return entry !== undefined && !entry.left && nowMs - entry.seenMs <= this.#options.nodeTtlMs
  }

  /** `malformed`: told of each that is alive and does not look like a node. */
  infos(nowMs: number, malformed: (id: string) => void): NodeInfo[] {
    const alive: NodeInfo[] = []
    for (const [id, { info }] of this.#nodes) {
      if (!this.alive(id, nowMs)) continue
      const node = nodeInfoIn(id, info)
      if (node === undefined) malformed(id)
      else alive.push(node)
    }
    return alive
  }

  /** Connected, or detached for less than the sessions' time; what a dead node held was detached when it was last heard of. */
  known({ connected, sinceMs, node }: SessionEntry, nowMs: number): boolean {
    if (connected && this.alive(node, nowMs)) return true
    const detachedMs = connected ? this.#nodes.get(node)?.seenMs : sinceMs
    return detachedMs !== undefined && nowMs - detachedMs < this.#options.sessionTtlMs
  }

  /**
   * Whether the entry means nothing any more, and never will. An entry of a node that is not in the table just now may:
   * where the table has been lost, the node enters it again within the time after which it would be dead.
   */
  expired(entry: SessionEntry, nowMs: number): boolean {
    const { nodeTtlMs, sessionTtlMs } = this.#options
    return nowMs - entry.sinceMs > nodeTtlMs + sessionTtlMs && !this.known(entry, nowMs)
  }

  /** A session as it was before a claim, beside the other ones of its user. */
  claimed(
    entry: SessionEntry | undefined,
    others: readonly SessionEntry[],
    nowMs: number,
  ): Pick<Claimed, 'known' | 'previousNode' | 'detachedForMs' | 'sessions'> {
    const known = entry !== undefined && this.known(entry, nowMs)
    return {
      known,
      previousNode: known && this.alive(entry.node, nowMs) ? entry.node : undefined,
      ...(known && !entry.connected ? { detachedForMs: Math.max(0, nowMs - entry.sinceMs) } : {}),
      sessions: 1 + others.filter((one) => one.connected && this.alive(one.node, nowMs)).length,
    }
  }

  /** Of the sessions of a user and their entries, those that mean nothing any more. */
  stale(fields: readonly string[], nowMs: number): string[] {
    const stale: string[] = []
    for (const [session, text] of pairs(fields)) {
      const entry = parseSessionEntry(text)
      if (entry === undefined || this.expired(entry, nowMs)) stale.push(session, text)
    }
    return stale
  }

  /**
   * Whether the table is too old to judge the entry. A node enters the table before it claims anything, so one that is
   * missing in a later table is gone; in one of the same millisecond it may not have been yet.
   */
  tooOldFor({ sinceMs, node }: SessionEntry): boolean {
    return !this.#nodes.has(node) && sinceMs >= this.readMs
  }
}

/** `undefined`: not an entry of ours. */
export function parseSessionEntry(text: string): SessionEntry | undefined {
  const match = /^([cd])(\d+) (.+)$/s.exec(text)
  if (match === null) return undefined
  const [, state, since, node] = match as unknown as [string, string, string, string]
  return { connected: state === 'c', sinceMs: Number(since), node }
}

/** `a, 1, b, 2` as `[a, 1]`, `[b, 2]`. */
export function* pairs(fields: readonly string[]): Generator<[string, string]> {
  for (let i = 0; i + 1 < fields.length; i += 2) yield [fields[i] as string, fields[i + 1] as string]
}
