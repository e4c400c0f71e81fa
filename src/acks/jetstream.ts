/**
 * Acknowledgements in a bucket of JetStream: a stream that keeps the newest entry per subject, laid out as other
 * clients of NATS lay out theirs, so that its tools can show it. A value is the epoch, a blank and the offset.
 *
 * Several nodes may write for one user. An entry is replaced only by whoever has seen it: the number of the entry
 * that a write follows upon is sent with it, and a node that was overtaken looks again and lets the furthest win. The
 * leader of a bucket with replicas may let two through that come in the same moment (server 2.9.10): then the lesser
 * one may stay until the user acknowledges again.
 *
 * What is acknowledged waits for `WRITE_MS` and is written as one: a user who acknowledges every message costs at most
 * four writes per second and channel.
 */
import type { AckStore } from './ack-store.ts'
import { keyOf } from './key.ts'
import { furthest, isFurther } from './order.ts'
import { PendingAcks } from './pending.ts'
import type { Clock, Timer } from '../clock.ts'
import type { StreamEntry, StreamSubject } from '../drivers/jetstream-port.ts'
import type { JetStream } from '../drivers/jetstream.ts'
import { KeptStream } from '../drivers/kept-stream.ts'
import type { Trouble } from '../drivers/stream-trouble.ts'
import { SluiceError } from '../errors.ts'
import { EPOCH } from '../protocol/position.ts'
import type { Position } from '../protocol/position.ts'

export interface JetStreamAckStoreOptions {
  /** In front of the bucket's name, `<prefix>-acks`; no dots. Default: `sluice`. */
  readonly prefix?: string
  /** How long the log keeps a message: an acknowledgement outlives it by a day. */
  readonly logMaxAgeMs: number
  /** How many servers hold the bucket. Default: 1. */
  readonly replicas?: number
  /** Default: `file`. */
  readonly storage?: 'file' | 'memory'
  /** How many acknowledgements may wait while the store is away. Default: 100,000, some 20 MB. */
  readonly pendingMax?: number
  /** One was given up for want of room: messages are delivered again. */
  readonly dropped?: () => void
  /** It can be used, for the first time or again. */
  readonly returned?: () => void
  /** What is wrong with it, while NATS can be reached; `undefined`: nothing any more. */
  readonly troubled?: (trouble: Trouble | undefined) => void
}

interface Known {
  readonly sequence: number
  readonly position: Position | undefined
}

const PREFIX = 'sluice'
const PENDING_MAX = 100_000
const KNOWN_MAX = 100_000
const WRITE_MS = 250
const RETRY_MS = 1_000
const WRITES_AT_ONCE = 64
const RACES_MAX = 8
const DAY_MS = 86_400_000
/** What other clients give a bucket. Nothing here depends on it. */
const IDEMPOTENCY_MS = 120_000
const VALUE = /^(\S+) (\d{1,16})$/

export class JetStreamAckStore implements AckStore {
  readonly #js: JetStream
  readonly #clock: Clock
  readonly #bucket: string
  readonly #replicated: boolean
  readonly #stream: KeptStream
  readonly #pending: PendingAcks
  readonly #dropped: () => void
  /** What the bucket had when it was last looked at. The one used longest ago is the first. */
  readonly #known = new Map<string, Known>()
  #timer: Timer | undefined
  #closing: Promise<void> | undefined

  constructor(js: JetStream, clock: Clock, options: JetStreamAckStoreOptions) {
    const replicas = options.replicas ?? 1
    this.#js = js
    this.#clock = clock
    this.#bucket = `${options.prefix ?? PREFIX}-acks`
    this.#replicated = replicas > 1
    this.#pending = new PendingAcks(options.pendingMax ?? PENDING_MAX)
    this.#dropped = options.dropped ?? (() => undefined)
    const spec = {
      name: `KV_${this.#bucket}`,
      subjectPrefix: `$KV.${this.#bucket}`,
      bucket: true,
      maxAgeMs: options.logMaxAgeMs + DAY_MS,
      maxPerSubject: 1,
      replicas,
      storage: options.storage ?? 'file',
      idempotencyMs: IDEMPOTENCY_MS,
    } as const
    this.#stream = new KeptStream(js, clock, spec, {
      renewed: () => this.#known.clear(),
      returned: () => options.returned?.(),
      troubled: (trouble) => options.troubled?.(trouble),
    })
  }

  /** Resolves once the bucket is there. Fails with what is wrong with it, or `unavailable` after the time limit. */
  ready(): Promise<void> {
    return this.#stream.within('open the bucket of acknowledgements', () => Promise.resolve())
  }

  ack(user: string, channel: string, epoch: string, offset: number): void {
    if (this.#closing !== undefined) return
    if (!this.#pending.add(keyOf(user, channel), { epoch, offset })) this.#dropped()
    this.#timer ??= this.#clock.after(WRITE_MS, this.#write)
  }

  acked(user: string, channel: string): Promise<Position | undefined> {
    const key = keyOf(user, channel)
    return this.#stream.within('tell an acknowledgement', async () => {
      const entry = await this.#js.newest(this.#where(key))
      const stored = entry === undefined ? undefined : this.#remember(key, knownOf(entry)).position
      return furthest(this.#pending.get(key), stored)
    })
  }

  healthy(): boolean {
    return this.#stream.healthy()
  }

  /** The connection is not the store's alone, and stays open. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#timer?.cancel()
    try {
      await this.#js.within('take the last acknowledgements', () => this.#writeAll())
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error
    }
    this.#pending.clear()
    this.#known.clear()
    this.#stream.close()
  }

  readonly #write = (): void => {
    const startedMs = this.#clock.monotonicMs()
    void this.#writeAll().then((complete) => {
      this.#timer = undefined
      if (this.#closing !== undefined || this.#pending.size === 0) return
      const pauseMs = complete ? WRITE_MS - (this.#clock.monotonicMs() - startedMs) : RETRY_MS
      this.#timer = this.#clock.after(Math.max(pauseMs, 0), this.#write)
    })
  }

  /** Each that waits now, once. False: some could not be written, and still wait. */
  async #writeAll(): Promise<boolean> {
    const waiting = this.#pending.all()[Symbol.iterator]()
    let complete = true
    const writer = async (): Promise<void> => {
      for (const [key, position] of waiting) {
        if (!(await this.#writeOne(key, position))) {
          complete = false
          // The store is away for the others as well.
          return
        }
        this.#pending.written(key, position)
      }
    }
    const writers = Math.min(this.#pending.size, WRITES_AT_ONCE)
    await Promise.all(Array.from({ length: writers }, writer))
    return complete
  }

  /** False: the store is away, or others were faster each time. */
  async #writeOne(key: string, position: Position): Promise<boolean> {
    const where = this.#where(key)
    const value = Buffer.from(`${position.epoch} ${position.offset}`)
    try {
      return await this.#stream.within('take an acknowledgement', async () => {
        for (let races = 0; races < RACES_MAX; races++) {
          const known = this.#known.get(key)
          if (known !== undefined && !isFurther(position, known.position)) return true
          const lastSequence = known?.sequence ?? 0
          const answer = await this.#stream.append(where.subject, value, { lastSequence })
          if (answer.kind === 'appended') {
            this.#remember(key, { sequence: answer.sequence, position })
            return true
          }
          const entry = await this.#js.newest(where)
          if (entry === undefined) this.#known.delete(key)
          else this.#remember(key, knownOf(entry))
        }
        return false
      })
    } catch (error) {
      if (error instanceof SluiceError) return false
      throw error
    }
  }

  #remember(key: string, known: Known): Known {
    this.#known.delete(key)
    this.#known.set(key, known)
    if (this.#known.size > KNOWN_MAX) {
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest)
        break
      }
    }
    return known
  }

  #where(key: string): StreamSubject {
    return {
      stream: `KV_${this.#bucket}`,
      subject: `$KV.${this.#bucket}.${key}`,
      replicated: this.#replicated,
    }
  }
}

/** A value that is not ours is replaced. */
function knownOf({ sequence, data }: StreamEntry): Known {
  const [, epoch, offset] = VALUE.exec(data.toString('latin1')) ?? []
  if (epoch === undefined || offset === undefined || !EPOCH.test(epoch)) {
    return { sequence, position: undefined }
  }
  return { sequence, position: { epoch, offset: Number(offset) } }
}
