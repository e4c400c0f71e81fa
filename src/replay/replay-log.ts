/**
 * The last messages of a channel, in order. The log decides the order: `append` assigns the offset.
 *
 * Every implementation keeps (test/conformance/replay-log.suite.ts):
 *  L1 appends to one channel are atomic and totally ordered; offsets grow within an epoch, and each message carries
 *     its predecessor's offset, so that a hole shows (offsets need not grow by one: JetStream's do not)
 *  L2 an `id` seen within `idempotencyMs` returns the first position with `duplicate: true`, and stores nothing; an
 *     implementation may bound how many ids a channel remembers, and forgets the oldest first
 *  L3 `read` and `last` return a contiguous range; a start that is gone, of another epoch or ahead of the log is
 *     said, never papered over
 *  L4 a log that lost messages answers with a new epoch; an epoch is never reused
 *  L5 at most `policy.max` messages of at most `policy.ttlMs` age are kept (trimming may lag, by at most as much again)
 *  L6 `head` of a channel without messages is a position too, and a reader that starts there misses nothing; a channel
 *     that nobody asked for in a long time may be forgotten, and then a reader who comes back late is told of a loss
 *  L7 after `disown` of the epoch that a channel is in, the channel is in a new one, and keeps nothing of the old; of another epoch
 *     it does nothing. Where nobody else can have accepted messages meanwhile (one process, or a store with a quorum) it never does
 *  L8 after `remove` nothing of what the channel kept is read any more; its head stays, and a reader who is behind is told. An
 *     implementation whose messages leave by their age only refuses it with `bad_request`
 *
 * Fails with a `SluiceError` of code `unavailable` when the store cannot be reached; never hangs longer than its
 * time limit. A store that takes no writes for a while is read all the same. After `unavailable` an append may or may
 * not have happened: repeat it with the same `id`.
 */
import type { Answer } from '../answer.ts'
import type { Position } from '../protocol/position.ts'
import type { LoggedMessage, NewMessage } from '../protocol/message.ts'

export interface LogPolicy {
  readonly ttlMs: number
  readonly max: number
  /** How long an `id` is remembered. */
  readonly idempotencyMs: number
}

export interface Appended extends Position {
  readonly previous: number
  /** The `id` was seen before: the position is that of the first, and nothing was stored. */
  readonly duplicate: boolean
}

/**
 * `trimmed`: messages after the position are gone. `epoch`: the position is of another epoch.
 * `ahead`: the position is beyond the log's head, so the log has lost messages (a failover), or the position was made up.
 */
export type LogLoss = 'trimmed' | 'epoch' | 'ahead'

/** `head` is the position of the newest message in the log at the moment of the read. */
export type LogRange =
  | { readonly kind: 'range'; readonly messages: readonly LoggedMessage[]; readonly head: Position }
  | { readonly kind: 'lost'; readonly why: LogLoss; readonly head: Position }

export interface ReplayLog {
  append(channel: string, message: NewMessage, policy: LogPolicy): Answer<Appended>
  /** The messages after a position, oldest first, at most `limit`. */
  read(channel: string, after: Position, limit: number): Promise<LogRange>
  /** The newest `count` messages, oldest first; fewer where the log holds fewer. Always a `range`. */
  last(channel: string, count: number): Promise<LogRange>
  head(channel: string): Answer<Position>
  /** Messages were confirmed to publishers that are not in this log, though it was in this epoch when they were. */
  disown(channel: string, epoch: string): Promise<void>
  /** Forgets what is kept. */
  remove(channel: string): Promise<void>
  /** Whether the store answers now. For health, never for control flow. */
  healthy(): boolean
  /** Idempotent. */
  close(): Promise<void>
}
