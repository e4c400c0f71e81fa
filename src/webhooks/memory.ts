/**
 * The store of webhooks in the memory of one process, for a node that is alone: what is not told when it ends is lost.
 */
import { Ledger, type Said } from './ledger.ts'
import {
  DEAD_MAX,
  type DeadLetter,
  type End,
  type Entry,
  type Journal,
  type NewNote,
  type Report,
  type WebhookStore,
} from './store.ts'
import type { Clock } from '../clock.ts'

interface Kept {
  readonly entries: Entry[]
  readonly cursors: Map<string, string>
  number: number
}

export class MemoryWebhookStore implements WebhookStore {
  readonly #clock: Pick<Clock, 'now'>
  readonly #backlog: number
  readonly #ledger = new Ledger()
  readonly #journals: Readonly<Record<Journal, Kept>> = { events: empty(), unsettled: empty() }
  readonly #once = new Map<string, number>()
  readonly #dead = new Map<string, string>()
  #letters = 0

  /** `backlog`: so many entries are kept of each journal. */
  constructor(backlog: number, clock: Pick<Clock, 'now'>) {
    this.#backlog = backlog
    this.#clock = clock
  }

  report(node: string, report: Report): Promise<boolean> {
    const said = this.#ledger.report(node, report)
    this.#say(said ?? [])
    return Promise.resolve(said !== undefined)
  }

  tend(node: string, version: number): Promise<boolean> {
    this.#say(this.#ledger.tend(this.#clock.now()))
    return Promise.resolve(this.#ledger.versionOf(node) === version)
  }

  nodes(): Promise<readonly string[]> {
    return Promise.resolve(this.#ledger.nodes())
  }

  bury(node: string, graceMs: number): Promise<void> {
    this.#ledger.bury(node, graceMs)
    return Promise.resolve()
  }

  note(journal: Journal, notes: readonly NewNote[]): Promise<void> {
    const nowMs = this.#clock.now()
    for (const [name, untilMs] of this.#once) if (untilMs <= nowMs) this.#once.delete(name)
    for (const { text, once } of notes) {
      if (once !== undefined && this.#once.has(once.name)) continue
      if (once !== undefined) this.#once.set(once.name, nowMs + once.forMs)
      this.#append(journal, { text })
    }
    return Promise.resolve()
  }

  read(journal: Journal, after: string, limit: number): Promise<readonly Entry[]> {
    const { entries } = this.#journals[journal]
    const from = entries.findIndex(({ place }) => place > after)
    return Promise.resolve(from === -1 ? [] : entries.slice(from, from + limit))
  }

  end(journal: Journal): Promise<End> {
    const { number } = this.#journals[journal]
    return Promise.resolve({ place: number === 0 ? '' : placeOf(number), number })
  }

  cursors(journal: Journal): Promise<ReadonlyMap<string, string>> {
    return Promise.resolve(new Map(this.#journals[journal].cursors))
  }

  moveCursor(journal: Journal, reader: string, text: string): Promise<void> {
    this.#journals[journal].cursors.set(reader, text)
    return Promise.resolve()
  }

  trim(journal: Journal, upTo: string): Promise<void> {
    const { entries } = this.#journals[journal]
    const kept = entries.findIndex(({ place }) => place > upTo)
    entries.splice(0, kept === -1 ? entries.length : kept)
    return Promise.resolve()
  }

  addDead(text: string): Promise<void> {
    this.#dead.set(placeOf(++this.#letters), text)
    for (const oldest of this.#dead.keys()) {
      if (this.#dead.size <= DEAD_MAX) break
      this.#dead.delete(oldest)
    }
    return Promise.resolve()
  }

  dead(limit: number): Promise<readonly DeadLetter[]> {
    return Promise.resolve([...this.#dead].slice(0, limit).map(([id, text]) => ({ id, text })))
  }

  deadCount(): Promise<number> {
    return Promise.resolve(this.#dead.size)
  }

  takeDead(id: string): Promise<string | undefined> {
    const text = this.#dead.get(id)
    this.#dead.delete(id)
    return Promise.resolve(text)
  }

  #say(said: readonly Said[]): void {
    for (const { key, held } of said) this.#append('events', { key, held })
  }

  #append(journal: Journal, what: Entry['what']): void {
    const kept = this.#journals[journal]
    const number = ++kept.number
    kept.entries.push({ place: placeOf(number), number, atMs: this.#clock.now(), what })
    if (kept.entries.length > this.#backlog) kept.entries.shift()
  }
}

function empty(): Kept {
  return { entries: [], cursors: new Map(), number: 0 }
}

/** As a text it grows as the number does. */
function placeOf(number: number): string {
  return String(number).padStart(15, '0')
}
