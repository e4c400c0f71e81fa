/**
 * What backends are told of the cluster, as far as one node does it: it reports what it holds and what it meets, and tells the backends where
 * it is the one that does.
 */
import { Dispatcher, type DispatcherPorts } from './dispatcher.ts'
import { keyOf, kindsOf, noteText, type Holding, type Kind, type Note } from './happening.ts'
import type { OutboxOptions } from './outbox.ts'
import { Reporter, type ReporterOptions, type ReporterPorts } from './reporter.ts'
import { settle, unsettledText, type SettlerPorts, type Unsettled } from './settler.ts'
import type { Journal, NewNote, WebhookStore } from './store.ts'
import { isWanted, type Target, type Wanted } from './target.ts'
import type { Timer } from '../clock.ts'

export interface WebhooksOptions extends ReporterOptions {
  readonly outbox: OutboxOptions
  /** A durable message of an inbox should have been acknowledged by then. */
  readonly unacknowledgedMs: number
}

export interface WebhooksPorts
  extends Omit<ReporterPorts, 'held' | 'store'>, Omit<DispatcherPorts, 'store'>, Pick<SettlerPorts, 'acked'> {
  readonly store: WebhookStore
  /** All that this node holds, wanted or not. */
  held(): Iterable<Holding>
  /** Notes that could not be kept, because the store was away for too long. */
  notesLost(count: number): void
}

export type WantedTarget = Target & { readonly wanted: Wanted }

const SETTLE_MS = 1_000
const NOTE_GATHER_MS = 50
const NOTE_RETRY_MS = 1_000
/** Of so many notes that the store has not taken the oldest are dropped. */
const NOTES_MAX = 10_000
const NOTES_AT_ONCE = 200

export class Webhooks {
  readonly #options: WebhooksOptions
  readonly #ports: WebhooksPorts
  readonly #wanted: readonly Wanted[]
  readonly #reporter: Reporter
  readonly #dispatcher: Dispatcher
  readonly #notes: Record<Journal, NewNote[]> = { events: [], unsettled: [] }
  #noting: Promise<void> | undefined
  #gathering: Timer | undefined
  #settling: Promise<void> | undefined
  readonly #timers: Timer[] = []
  #closed = false

  constructor(targets: readonly WantedTarget[], options: WebhooksOptions, ports: WebhooksPorts) {
    this.#options = options
    this.#ports = ports
    this.#wanted = targets.map(({ wanted }) => wanted)
    this.#reporter = new Reporter(options, {
      ...ports,
      liveNodes: () => ports.liveNodes(),
      moving: () => ports.moving(),
      held: () => this.#held(),
      failed: ports.failed,
    })
    this.#dispatcher = new Dispatcher(targets, options.outbox, ports)
  }

  get waiting(): number {
    return this.#dispatcher.waiting
  }

  start(): void {
    this.#reporter.start()
    this.#dispatcher.start()
    if (this.wants('unacknowledged', undefined))
      this.#timers.push(this.#ports.clock.every(SETTLE_MS, () => this.#settle()))
  }

  /** Whether somebody is to be told of it. */
  wants(kind: Kind, channel: string | undefined): boolean {
    return this.#wanted.some((wanted) =>
      isWanted(wanted, { kind, ...(channel === undefined ? {} : { channel }) }),
    )
  }

  /** The first of this node holds it now, or the last has let it go. */
  holds(holding: Holding, held: boolean): void {
    if (this.#wantsHolding(holding)) this.#reporter.changed(keyOf(holding), held)
  }

  /** Told soon, together with what follows shortly. */
  note(note: Note, once?: NewNote['once']): void {
    if (!this.wants(note.kind, 'channel' in note ? note.channel : undefined)) return
    this.#add('events', { text: noteText(note), ...(once === undefined ? {} : { once }) })
  }

  /** A durable message went to an inbox. */
  sent(unsettled: Unsettled): void {
    if (this.wants('unacknowledged', undefined)) this.#add('unsettled', { text: unsettledText(unsettled) })
  }

  /** What this node held may be held elsewhere soon. Never fails. */
  async close(): Promise<void> {
    this.#closed = true
    for (const timer of this.#timers) timer.cancel()
    this.#gathering?.cancel()
    await Promise.all([this.#noting, this.#settling])
    await this.#writeNotes().catch((error: unknown) => this.#ports.failed('keeping what has happened', error))
    await this.#reporter.close()
    await this.#dispatcher.close()
  }

  *#held(): Generator<string> {
    for (const holding of this.#ports.held()) if (this.#wantsHolding(holding)) yield keyOf(holding)
  }

  #wantsHolding(holding: Holding): boolean {
    const channel = 'channel' in holding ? holding.channel : undefined
    return kindsOf(holding).some((kind) => this.wants(kind, channel))
  }

  #add(journal: Journal, note: NewNote): void {
    if (this.#closed) return
    const notes = this.#notes[journal]
    notes.push(note)
    if (notes.length > NOTES_MAX) {
      notes.shift()
      this.#ports.notesLost(1)
    }
    if (this.#noting === undefined) this.#later(NOTE_GATHER_MS)
  }

  #later(delayMs: number): void {
    this.#gathering ??= this.#ports.clock.after(delayMs, () => {
      this.#gathering = undefined
      this.#noting = this.#writeNotes()
        .then(() => undefined)
        .catch((error: unknown) => {
          this.#ports.failed('keeping what has happened', error)
          return NOTE_RETRY_MS
        })
        .then((retryMs) => {
          this.#noting = undefined
          if (this.#notes.events.length + this.#notes.unsettled.length > 0 && !this.#closed)
            this.#later(retryMs ?? NOTE_GATHER_MS)
        })
    })
  }

  /** Behind what is held: who says something on a channel has occupied it before. */
  async #writeNotes(): Promise<void> {
    await this.#reporter.settled()
    for (const journal of ['events', 'unsettled'] as const) {
      const notes = this.#notes[journal]
      while (notes.length > 0) {
        const some = notes.slice(0, NOTES_AT_ONCE)
        await this.#ports.store.note(journal, some)
        // Some of them may have been dropped meanwhile.
        for (const one of some) if (notes[0] === one) notes.shift()
      }
    }
  }

  #settle(): void {
    if (this.#settling !== undefined || !this.#dispatcher.leads) return
    const { store, clock, acked, failed } = this.#ports
    this.#settling = settle(this.#options.unacknowledgedMs, { store, now: () => clock.now(), acked })
      .catch((error: unknown) => failed('asking what was acknowledged', error))
      .finally(() => (this.#settling = undefined))
  }
}
