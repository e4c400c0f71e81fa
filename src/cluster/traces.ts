/**
 * Users that are followed across the cluster: the node that was asked tells all others, and they tell it what they see. It says so
 * again and again, so that a node that has just started follows too, and that none goes on for an asker who has died.
 */
import { randomBytes } from 'node:crypto'
import type { ControlMessage } from './control.ts'
import type { Clock, Timer } from '../clock.ts'
import { SluiceError } from '../errors.ts'
import type { FlightRecorder } from '../observe/flight-recorder.ts'
import type { Follow } from '../observe/recording.ts'

export type TraceWish = Omit<Follow, 'id'>

/** Why a trace is over: its time, its events, or the node that was asked goes. */
export type TraceEnd = 'time' | 'events' | 'node'

/** Whoever has asked. */
export interface TraceReader {
  /** Each line is an event, as JSON. */
  lines(lines: readonly string[]): void
  /** Once, unless it was stopped before. */
  over(why: TraceEnd): void
}

export interface TracesPorts {
  readonly nodeId: string
  readonly recorder: Pick<FlightRecorder, 'follow' | 'unfollow'>
  readonly clock: Pick<Clock, 'monotonicMs' | 'after' | 'every'>
  /** `node` undefined: to all. */
  tell(node: string | undefined, message: ControlMessage): void
}

/** That many at once were asked of this node. */
export const TRACES_MAX = 8
const RENEW_MS = 4000
/** Of whom nothing is heard for so long, he is gone. */
const LEASE_MS = 15_000

interface Running extends Follow {
  readonly reader: TraceReader
  readonly endsAtMs: number
  readonly end: Timer
  left: number
}

export class Traces {
  readonly #ports: TracesPorts
  readonly #running = new Map<string, Running>()
  #renewing: Timer | undefined

  constructor(ports: TracesPorts) {
    this.#ports = ports
  }

  /** Whether one more may begin. Fails with `rate_limited`. */
  check(): void {
    if (this.#running.size < TRACES_MAX) return
    throw new SluiceError(
      'rate_limited',
      `this node follows as many users as it may (${TRACES_MAX}): end one of the traces, or ask another node`,
    )
  }

  /** Begins; the answer ends it, and the reader hears no more. Fails with `rate_limited`. */
  start(wish: TraceWish, reader: TraceReader): () => void {
    const { clock, recorder, nodeId } = this.#ports
    this.check()
    const id = `${nodeId}.${randomBytes(8).toString('hex')}`
    const running: Running = {
      ...{ ...wish, id, reader, left: wish.eventsMax },
      endsAtMs: clock.monotonicMs() + wish.forMs,
      end: clock.after(wish.forMs, () => this.#over(id, 'time')),
    }
    this.#running.set(id, running)
    recorder.follow(running, (lines) => this.#hears(id, lines))
    this.#tellAll(running)
    this.#renewing ??= clock.every(RENEW_MS, () => this.#renew())
    return () => this.#stop(id)
  }

  /** Another node follows somebody. */
  asked(fromNode: string, follow: Follow): void {
    const { nodeId, recorder } = this.#ports
    // Its own word comes back to who tells all.
    if (fromNode === nodeId) return
    const { id, forMs } = follow
    recorder.follow({ ...follow, forMs: Math.min(forMs, LEASE_MS) }, (lines) =>
      this.#ports.tell(fromNode, { kind: 'traced', id, lines }),
    )
  }

  /** Another node has seen something. */
  traced(id: string, lines: readonly string[]): void {
    this.#hears(id, lines)
  }

  /** Another node follows no longer. */
  traceOver(fromNode: string, id: string): void {
    if (fromNode !== this.#ports.nodeId && id.startsWith(`${fromNode}.`)) this.#ports.recorder.unfollow(id)
  }

  /** The node goes. Idempotent. */
  close(): void {
    for (const id of [...this.#running.keys()]) this.#over(id, 'node')
  }

  #hears(id: string, lines: readonly string[]): void {
    const running = this.#running.get(id)
    // What is gathered still when it ends comes from within its end.
    if (running === undefined || running.left === 0) return
    const told = lines.slice(0, running.left)
    running.left -= told.length
    running.reader.lines(told)
    if (running.left === 0) this.#over(id, 'events')
  }

  #over(id: string, why: TraceEnd): void {
    const reader = this.#running.get(id)?.reader
    this.#stop(id)
    reader?.over(why)
  }

  #stop(id: string): void {
    const running = this.#running.get(id)
    if (running === undefined) return
    // What is still gathered is told by that.
    this.#ports.recorder.unfollow(id)
    this.#running.delete(id)
    running.end.cancel()
    this.#ports.tell(undefined, { kind: 'traceOver', id })
    if (this.#running.size > 0) return
    this.#renewing?.cancel()
    this.#renewing = undefined
  }

  #renew(): void {
    for (const running of this.#running.values()) this.#tellAll(running)
  }

  #tellAll({ id, user, eventsMax, payloads, endsAtMs }: Running): void {
    const forMs = Math.max(0, endsAtMs - this.#ports.clock.monotonicMs())
    this.#ports.tell(undefined, { kind: 'trace', id, user, forMs, eventsMax, payloads })
  }
}
