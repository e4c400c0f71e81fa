/**
 * A replay log in the memory of this process, for development and for a gateway of one node. It is lost with the
 * process, hence its epoch: a new one for each instance.
 */
import { randomBytes } from 'node:crypto'
import { ChannelLog } from './channel-log.ts'
import { RecentlyAsked } from './recently-asked.ts'
import type { Appended, LogLoss, LogPolicy, LogRange, ReplayLog } from './replay-log.ts'
import type { Answer } from '../answer.ts'
import type { Clock, Timer } from '../clock.ts'
import { SluiceError } from '../errors.ts'
import type { Position } from '../protocol/position.ts'
import type { NewMessage } from '../protocol/message.ts'
import { Rounds } from '../rounds.ts'

export interface MemoryReplayLogOptions {
  readonly clock: Clock
  /** Whether clients are asked to acknowledge the messages of a channel. Default: of none. */
  readonly acknowledged?: (channel: string) => boolean
  /** How long a channel that nobody asks for is remembered after its last message has expired. Default: 10 min. */
  readonly graceMs?: number
  /** How long one is remembered that nobody has published to, after it was last asked for; at most twice as long. Default: `graceMs`. */
  readonly askedMs?: number
  /** How many ids a channel remembers; the oldest are forgotten first, before their time. Default: 100,000. */
  readonly idsPerChannelMax?: number
}

const GRACE_MS = 600_000
const IDS_PER_CHANNEL_MAX = 100_000

/** All channels are looked at once within this time, a share of them at each tick. */
const SWEEP_ROUND_MS = 60_000
const SWEEP_TICK_MS = 500

export class MemoryReplayLog implements ReplayLog {
  readonly #epoch = randomBytes(8).toString('hex')
  readonly #clock: Clock
  readonly #acknowledged: (channel: string) => boolean
  readonly #graceMs: number
  readonly #idsMax: number
  readonly #channels = new Map<string, ChannelLog>()
  /** Most inboxes are asked for and stay empty: all that is kept of such a channel is the position that was given out. */
  readonly #asked: RecentlyAsked
  /**
   * Where a channel begins that is not known: at the highest offset of any that was forgotten. Had it been known before,
   * its new messages are beyond every position that its readers can have, and a reader who is behind is told.
   */
  #unknown: Position = { epoch: this.#epoch, offset: 0 }
  readonly #sweep: Timer
  readonly #rounds = new Rounds(
    SWEEP_ROUND_MS / SWEEP_TICK_MS,
    () => this.#channels.size,
    () => this.#channels.values(),
  )
  #closed = false

  constructor(options: MemoryReplayLogOptions) {
    this.#clock = options.clock
    this.#acknowledged = options.acknowledged ?? (() => false)
    this.#graceMs = options.graceMs ?? GRACE_MS
    this.#idsMax = options.idsPerChannelMax ?? IDS_PER_CHANNEL_MAX
    this.#asked = new RecentlyAsked(options.clock.monotonicMs(), options.askedMs ?? this.#graceMs)
    this.#sweep = options.clock.every(SWEEP_TICK_MS, () => this.#sweepSome())
  }

  /** For tests and metrics: how many channels are remembered. */
  get channelCount(): number {
    return this.#channels.size + this.#asked.size
  }

  append(channel: string, message: NewMessage, policy: LogPolicy): Answer<Appended> {
    if (this.#closed) return closedLog()
    const nowMs = this.#clock.monotonicMs()
    const log = this.#used(channel, nowMs) ?? this.#begin(channel, nowMs)
    return log.append(message, policy, nowMs)
  }

  read(channel: string, after: Position, limit: number): Promise<LogRange> {
    if (this.#closed) return closedLog()
    const log = this.#used(channel, this.#clock.monotonicMs())
    const head = this.#position(channel, log)
    const why = this.#loss(log?.start ?? head.offset, head, after)
    return Promise.resolve(
      why === undefined
        ? { kind: 'range', messages: log?.after(after.offset, limit) ?? [], head }
        : { kind: 'lost', why, head },
    )
  }

  last(channel: string, count: number): Promise<LogRange> {
    if (this.#closed) return closedLog()
    const log = this.#used(channel, this.#clock.monotonicMs())
    const messages = log?.after(Math.max(log.head - count, log.start), count) ?? []
    return Promise.resolve({ kind: 'range', messages, head: this.#position(channel, log) })
  }

  head(channel: string): Answer<Position> {
    if (this.#closed) return closedLog()
    return this.#position(channel, this.#used(channel, this.#clock.monotonicMs()))
  }

  /** No other process has this log. */
  disown(): Promise<void> {
    return Promise.resolve()
  }

  remove(channel: string): Promise<void> {
    if (this.#closed) return closedLog()
    this.#channels.get(channel)?.clear()
    return Promise.resolve()
  }

  healthy(): boolean {
    return !this.#closed
  }

  close(): Promise<void> {
    this.#closed = true
    this.#sweep.cancel()
    this.#channels.clear()
    this.#asked.clear()
    return Promise.resolve()
  }

  /** `undefined`: nothing has been appended to the channel. */
  #used(channel: string, nowMs: number): ChannelLog | undefined {
    const log = this.#channels.get(channel)
    if (log === undefined) return undefined
    log.usedMs = nowMs
    log.trim(nowMs)
    return log
  }

  #begin(channel: string, nowMs: number): ChannelLog {
    const log = new ChannelLog({
      channel,
      epoch: this.#epoch,
      start: (this.#asked.take(channel) ?? this.#unknown).offset,
      acknowledged: this.#acknowledged(channel),
      idsMax: this.#idsMax,
    })
    log.usedMs = nowMs
    this.#channels.set(channel, log)
    return log
  }

  /**
   * The head. Whoever only asks for a channel makes it known too: the position that he gets stays good for as long as
   * he comes back within the grace time, whatever else is forgotten meanwhile.
   */
  #position(channel: string, log: ChannelLog | undefined): Position {
    return log === undefined
      ? this.#asked.remember(channel, this.#unknown)
      : { epoch: this.#epoch, offset: log.head }
  }

  #loss(start: number, head: Position, after: Position): LogLoss | undefined {
    if (after.epoch !== this.#epoch) return 'epoch'
    if (after.offset > head.offset) return 'ahead'
    return after.offset < start ? 'trimmed' : undefined
  }

  #sweepSome(): void {
    const nowMs = this.#clock.monotonicMs()
    this.#asked.forgetOld(nowMs)
    this.#rounds.tick((log) => {
      log.trim(nowMs)
      if (!log.forgettable(nowMs, this.#graceMs)) return
      if (log.head > this.#unknown.offset) this.#unknown = { epoch: this.#epoch, offset: log.head }
      this.#channels.delete(log.channel)
    })
  }
}

function closedLog(): Promise<never> {
  return Promise.reject(new SluiceError('unavailable', 'the replay log has been closed'))
}
