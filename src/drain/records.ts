/**
 * Writes down what becomes of the clients of this node, for a day: while they are moved, at the end, and for a while after it,
 * since word of the last of them comes late. What is no part of a job is a record of its own; nodes that are told to stop in
 * one deploy share one. Nothing of it holds a drain up: where the registry is away it is written when it is back.
 */
import { newJobId, type JobBook } from './job-book.ts'
import { ended, isOver, JOB_NODES_MAX, type Job, type JobNode } from './job.ts'
import { BY_SIGNAL, type Movement } from './movement.ts'
import type { Clock, Timer } from '../clock.ts'
import type { NodeInfo } from '../registry/registry.ts'

export interface RecordPorts {
  readonly clock: Clock
  readonly book: JobBook
  readonly self: () => Pick<NodeInfo, 'id' | 'region' | 'version'>
  /** The version that clients go to now. */
  readonly target: () => string
  failed(what: string, error: unknown): void
}

const EVERY_MS = 1000
/** After its end. */
const LATE_MS = 60_000
/** Nodes that are told to stop within so long of one another are of one deploy. */
const TOGETHER_MS = 30 * 60_000

/** Of one movement. */
interface Record {
  readonly movement: Movement
  /** Where it is written down; `undefined`: not yet. */
  job: string | undefined
  written: string
  /** When it ended, by the clock that does not jump. */
  endedMs: number | undefined
  /** That it has ended is written. */
  closed: boolean
  writing: Promise<void> | undefined
}

export class Records {
  readonly #ports: RecordPorts
  readonly #all = new Set<Record>()
  #timer: Timer | undefined

  constructor(ports: RecordPorts) {
    this.#ports = ports
  }

  began(movement: Movement): void {
    const { clock } = this.#ports
    const record: Record = {
      movement,
      job: movement.origin.job,
      written: '',
      endedMs: undefined,
      closed: movement.origin.job !== undefined,
      writing: undefined,
    }
    this.#all.add(record)
    this.#timer ??= clock.every(EVERY_MS, () => this.#writeAll())
    void movement.done.then(() => {
      record.endedMs = clock.monotonicMs()
      void this.#write(record)
    })
    void this.#write(record)
  }

  /** Writes what is to be written, and no more after it. Never fails. */
  async close(): Promise<void> {
    this.#timer?.cancel()
    await Promise.all([...this.#all].map((record) => this.#write(record)))
    this.#all.clear()
  }

  #writeAll(): void {
    const nowMs = this.#ports.clock.monotonicMs()
    for (const record of this.#all) {
      void this.#write(record)
      if (record.endedMs !== undefined && nowMs - record.endedMs > LATE_MS) this.#all.delete(record)
    }
    if (this.#all.size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** One at a time; at its end what is true then has been written. */
  async #write(record: Record): Promise<void> {
    const before = record.writing
    if (before !== undefined && record.endedMs === undefined) return before
    const writing = (before ?? Promise.resolve())
      .then(() => this.#writeNow(record))
      .catch((error: unknown) => this.#ports.failed('a record of a drain', error))
      .finally(() => {
        if (record.writing === writing) record.writing = undefined
      })
    record.writing = writing
    return writing
  }

  async #writeNow(record: Record): Promise<void> {
    const { book, self, clock } = this.#ports
    const { id } = self()
    record.job ??= await this.#join(record.movement)
    const progress = record.movement.progress()
    const { elapsedMs: _elapsedMs, ratePerSecond: _rate, deadlineInMs: _deadline, ...lasting } = progress
    const text = JSON.stringify(record.endedMs === undefined ? progress : lasting)
    if (text !== record.written) {
      await book.record({ job: record.job, node: id, at: clock.now(), progress })
      record.written = text
    }
    if (record.endedMs === undefined || record.closed) return
    const cancelled = progress.state === 'cancelled'
    await book.change(
      record.job,
      (job, nowMs) => job && closedIf(ended(job, id, { nowMs, told: progress.told, cancelled }), nowMs),
      'ended-jobs',
    )
    record.closed = true
  }

  /** The record that this is written in: one of its own, or that of the deploy. */
  async #join(movement: Movement): Promise<string> {
    const { book } = this.#ports
    const { origin } = movement
    const target = this.#ports.target()
    if (origin.by !== BY_SIGNAL.by) {
      const id = newJobId(movement.kind)
      await this.#enter(id, movement, target)
      return id
    }
    const base = `deploy-${target}`
    const nowMs = await book.nowMs()
    const all = (await book.all()).filter(({ id }) => id === base || id.startsWith(`${base}.`))
    const latest = all[0]
    const id =
      latest === undefined
        ? base
        : nowMs - lastOf(latest) <= TOGETHER_MS
          ? latest.id
          : `${base}.${all.length + 1}`
    await this.#enter(id, movement, target)
    return id
  }

  async #enter(id: string, movement: Movement, target: string): Promise<void> {
    const { book, self } = this.#ports
    const { kind, origin, progress } = movement
    const { id: node, region, version } = self()
    const { plan, total } = progress()
    await book.change(
      id,
      (job, nowMs) => {
        const entry: JobNode = { id: node, region, version, clients: total, part: 'moving', since: nowMs }
        const fresh: Job = {
          id,
          kind,
          state: 'running',
          by: origin.by,
          ...(origin.reason === undefined ? {} : { reason: origin.reason }),
          what: origin.by === BY_SIGNAL.by ? 'nodes that were told to stop' : `node ${node}`,
          target,
          at: nowMs,
          plan,
          planFrom: nowMs,
          parallel: 1,
          nodes: [],
        }
        const { endedAt: _endedAt, ...open } = job ?? fresh
        const others = open.nodes.filter((one) => one.id !== node).slice(1 - JOB_NODES_MAX)
        return { ...open, state: 'running', nodes: [...others, entry] }
      },
      'ended-jobs',
    )
  }
}

/** When something has happened in it last. */
function lastOf({ at, endedAt = 0, nodes }: Job): number {
  return Math.max(at, endedAt, ...nodes.map(({ since = 0 }) => since))
}

/** Nobody leads it: it is over when the last one has ended. */
function closedIf(job: Job | undefined, nowMs: number): Job | undefined {
  if (job === undefined || isOver(job)) return job
  if (job.nodes.some(({ part }) => part === 'moving')) return job
  const stayed = job.nodes.every(({ part }) => part === 'stayed')
  return { ...job, state: stayed ? 'cancelled' : 'done', endedAt: nowMs }
}
