/**
 * Tells the backends. One node of the cluster does, the one that has the lease: it reads the journal, tells each backend what that wants, and
 * keeps how far it has come. Another one that takes over goes on from there; what was under way is told again, under the same id.
 */
import { happeningIn, happeningOf, laneOf, type Happening } from './happening.ts'
import { Outbox, type Batch, type OutboxOptions } from './outbox.ts'
import type { Entry, WebhookStore } from './store.ts'
import type { Target } from './target.ts'
import type { Clock, Timer } from '../clock.ts'

export interface DispatcherPorts {
  readonly store: WebhookStore
  readonly clock: Clock
  /**
   * Until when this node is the one that tells, by the clock that does not jump; `undefined`: another one is. Fails with `unavailable`.
   */
  lease(): Promise<number | undefined>
  readonly failed: (what: string, error: unknown) => void
  readonly counts: {
    sent(happenings: number): void
    refused(): void
    dead(happenings: number): void
    /** How many dead letters there are, now and then. */
    letters(count: number): void
    /** The journal was full, so they were never told. */
    lost(happenings: number): void
  }
  /** A backend refuses, or has given up on. */
  readonly warn: (message: string, about: Readonly<Record<string, string | number>>) => void
}

/** A letter that could not be delivered, as operators see it. */
export interface Letter {
  readonly target: string
  readonly why: string
  readonly attempts: number
  readonly atMs: number
  readonly happening: Happening
}

interface Reader {
  readonly target: Target
  readonly outbox: Outbox<Happening>
  /** Of the newest entry that was read. */
  place: string
  number: number
  kept: string
}

const TICK_MS = 250
const READ_AT_ONCE = 500
const COUNT_MS = 10_000
/** For so long a backend's place counts that nobody has moved: nodes with another configuration may lead in between. */
const FORGOTTEN_MS = 3_600_000
const GIVEN_UP =
  'a backend was not told what it wanted to hear: it refused for too long; see GET /v1/webhooks/dead'

export class Dispatcher {
  readonly #targets: readonly Target[]
  readonly #options: OutboxOptions
  readonly #ports: DispatcherPorts
  #readers: readonly Reader[] | undefined
  #timer: Timer | undefined
  #round: Promise<void> | undefined
  readonly #underWay = new Set<Promise<void>>()
  #leadsUntilMs = -Infinity
  #countedMs = -Infinity
  #closed = false

  constructor(targets: readonly Target[], options: OutboxOptions, ports: DispatcherPorts) {
    this.#targets = targets
    this.#options = options
    this.#ports = ports
  }

  /** Whether this node is the one that tells, and it is not too late to begin. */
  get leads(): boolean {
    return !this.#closed && this.#ports.clock.monotonicMs() < this.#leadsUntilMs
  }

  /** How many wait here to be told; another node may be the one that tells. */
  get waiting(): number {
    return this.#readers?.reduce((sum, { outbox }) => sum + outbox.waiting, 0) ?? 0
  }

  start(): void {
    this.#timer = this.#ports.clock.every(TICK_MS, () => this.#go())
  }

  /** What is under way is waited for. Never fails. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#round
    await Promise.all(this.#underWay)
    await this.#keepPlaces().catch((error: unknown) =>
      this.#ports.failed('keeping what backends were told', error),
    )
  }

  #go(): void {
    if (this.#round !== undefined || this.#closed) return
    this.#round = this.#turn()
      .catch((error: unknown) => this.#ports.failed('telling backends what has happened', error))
      .finally(() => (this.#round = undefined))
  }

  async #turn(): Promise<void> {
    const { store, clock, counts } = this.#ports
    // Another node may have told meanwhile: where it has come to is in the store.
    if (!this.leads) this.#readers = undefined
    const untilMs = await this.#ports.lease()
    this.#leadsUntilMs = untilMs ?? -Infinity
    if (untilMs === undefined) {
      this.#readers = undefined
      return
    }
    if (clock.monotonicMs() - this.#countedMs > COUNT_MS) {
      this.#countedMs = clock.monotonicMs()
      counts.letters(await store.deadCount())
    }
    this.#readers ??= await this.#open()
    for (const reader of this.#readers) {
      await this.#read(reader)
      this.#send(reader)
    }
    await this.#keepPlaces()
  }

  /** From where each was told last; who is new hears what happens from now on, and the first of all what has been kept. */
  async #open(): Promise<Reader[]> {
    const { store } = this.#ports
    const [cursors, end] = await Promise.all([store.cursors('events'), store.end('events')])
    const start = cursors.size === 0 ? { place: '', number: 0 } : end
    return this.#targets.map((target) => {
      const { place, number } = cursorIn(cursors.get(target.name)) ?? start
      return { target, outbox: new Outbox(`${place} ${number}`, this.#options), place, number, kept: '' }
    })
  }

  async #read(reader: Reader): Promise<void> {
    const { store, clock, counts, warn } = this.#ports
    const { outbox, target } = reader
    const limit = Math.min(READ_AT_ONCE, outbox.room)
    if (limit <= 0) return
    const entries = await store.read('events', reader.place, limit)
    for (const entry of entries) {
      const missed = entry.number - reader.number - 1
      if (missed > 0) {
        counts.lost(missed)
        warn('the journal of webhooks was full: a backend is not told what was in it', {
          target: target.name,
          missed,
        })
      }
      const [happening, only] = happeningOfEntry(entry)
      const isFor =
        happening !== undefined && (only ?? target.name) === target.name && target.wants(happening)
      const cursor = `${entry.place} ${entry.number}`
      outbox.add(
        cursor,
        happening === undefined ? '' : laneOf(happening),
        isFor ? happening : undefined,
        clock.monotonicMs(),
      )
      reader.place = entry.place
      reader.number = entry.number
    }
  }

  #send(reader: Reader): void {
    while (this.leads) {
      const batch = reader.outbox.next(this.#ports.clock.monotonicMs())
      if (batch.length === 0) return
      const sending = this.#sendOne(reader, batch).finally(() => this.#underWay.delete(sending))
      this.#underWay.add(sending)
    }
  }

  async #sendOne(reader: Reader, batch: Batch<Happening>): Promise<void> {
    const { counts, clock } = this.#ports
    const { target, outbox } = reader
    const sent = await target.send(batch.map(({ what }) => what))
    if (sent.taken) {
      counts.sent(batch.length)
      outbox.taken(batch)
    } else {
      counts.refused()
      const given = outbox.refused(batch, clock.monotonicMs(), sent.restMs)
      if (given.length > 0) await this.#giveUp(target, given, sent.why)
    }
    // What has come to its turn by this goes at once.
    if (this.#readers?.includes(reader) === true) this.#send(reader)
  }

  async #giveUp(target: Target, given: Batch<Happening>, why: string): Promise<void> {
    const { store, clock, counts, warn, failed } = this.#ports
    counts.dead(given.length)
    warn(GIVEN_UP, { target: target.name, events: given.length, why })
    try {
      for (const { what: happening, attempts } of given) {
        const letter: Letter = { target: target.name, why, attempts, atMs: clock.now(), happening }
        await store.addDead(JSON.stringify(letter))
      }
    } catch (error) {
      failed('keeping what a backend was not told', error)
    }
  }

  async #keepPlaces(): Promise<void> {
    const { store, clock } = this.#ports
    const moved = this.#readers?.filter(({ outbox, kept }) => outbox.cursor !== kept) ?? []
    if (moved.length === 0) return
    for (const reader of moved) {
      const { cursor } = reader.outbox
      await store.moveCursor('events', reader.target.name, `${cursor} ${clock.now()}`)
      reader.kept = cursor
    }
    const needed = [...(await store.cursors('events')).values()].flatMap((text) => {
      const [place = '', , atMs = '0'] = text.split(' ')
      return clock.now() - Number(atMs) > FORGOTTEN_MS ? [] : [place]
    })
    const oldest = needed.toSorted(byPlace)[0]
    if (oldest !== undefined && oldest !== '') await store.trim('events', oldest)
  }
}

/** Sent again, it is for the one target that has refused it. */
export function happeningOfEntry({
  place,
  atMs,
  what,
}: Entry): [happening: Happening | undefined, only?: string] {
  if ('key' in what) return [happeningOf(place, atMs, what)]
  const { only, ...happening } = (happeningIn(place, atMs, what.text) ?? {}) as Happening & {
    readonly only?: string
  }
  if (!('kind' in happening)) return [undefined]
  return only === undefined ? [happening] : [happening, only]
}

export function cursorIn(
  text: string | undefined,
): { readonly place: string; readonly number: number } | undefined {
  const [place, number] = text?.split(' ') ?? []
  return place === undefined || number === undefined ? undefined : { place, number: Number(number) }
}

/** Of Redis two numbers, of memory one. */
function byPlace(one: string, other: string): number {
  const [ms = '0', count = '0'] = one.split('-')
  const [otherMs = '0', otherCount = '0'] = other.split('-')
  return Number(ms) - Number(otherMs) || Number(count) - Number(otherCount)
}
