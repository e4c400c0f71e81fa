/**
 * Which node holds what, and what follows for what is said of it. Pure: times are given. The scripts in Redis do the same.
 */
import { ENDS_MAX, TENDED_MAX_MS, type Change, type Report } from './store.ts'

export interface Said {
  readonly key: string
  readonly held: boolean
}

interface Reporter {
  version: number
  readonly keys: Set<string>
}

export class Ledger {
  readonly #nodes = new Map<string, Reporter>()
  /** By how many nodes each is held; 0: by nobody, and its end has not been said. */
  readonly #held = new Map<string, number>()
  /** When each ends that nobody holds, by the time that was tended. */
  readonly #ending = new Map<string, number>()
  #tendedMs = 0
  #lookedMs: number | undefined

  /** `undefined`: it does not follow upon what is known of the node. */
  report(node: string, { after, version, changes }: Report): readonly Said[] | undefined {
    if (after !== this.versionOf(node)) return undefined
    const reporter = this.#nodes.get(node) ?? { version: 0, keys: new Set() }
    this.#nodes.set(node, reporter)
    reporter.version = version
    return changes.flatMap((change) => this.#change(reporter, change))
  }

  versionOf(node: string): number {
    return this.#nodes.get(node)?.version ?? 0
  }

  /** What has ended by now. */
  tend(nowMs: number): readonly Said[] {
    this.#tendedMs += Math.min(TENDED_MAX_MS, Math.max(0, nowMs - (this.#lookedMs ?? nowMs)))
    this.#lookedMs = nowMs
    const over = [...this.#ending].filter(([, dueMs]) => dueMs <= this.#tendedMs).toSorted(byMoment)
    return over.slice(0, ENDS_MAX).map(([key]) => {
      this.#ending.delete(key)
      this.#held.delete(key)
      return { key, held: false }
    })
  }

  nodes(): string[] {
    return [...this.#nodes.keys()]
  }

  bury(node: string, graceMs: number): void {
    const reporter = this.#nodes.get(node)
    for (const key of [...(reporter?.keys ?? [])])
      this.#change(reporter as Reporter, { key, held: false, graceMs })
    this.#nodes.delete(node)
  }

  #change(reporter: Reporter, { key, held, graceMs }: Change): Said[] {
    if (held === reporter.keys.has(key)) return []
    if (!held) {
      reporter.keys.delete(key)
      const left = (this.#held.get(key) ?? 1) - 1
      this.#held.set(key, left)
      if (left === 0) this.#ending.set(key, this.#tendedMs + graceMs)
      return []
    }
    reporter.keys.add(key)
    const before = this.#held.get(key)
    this.#held.set(key, (before ?? 0) + 1)
    this.#ending.delete(key)
    return before === undefined ? [{ key, held: true }] : []
  }
}

function byMoment(
  [key, dueMs]: readonly [string, number],
  [other, otherMs]: readonly [string, number],
): number {
  return dueMs - otherMs || (key < other ? -1 : 1)
}
