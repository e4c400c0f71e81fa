/**
 * The log of channels with `delivery: durable`: one JetStream stream for all of them, a subject per channel. The
 * number that the stream gives an entry is its offset, so within a channel offsets have gaps. The epoch is the stream's
 * own, given to it when it was made: it outlives restarts of the servers and changes of their leader, and a stream that was
 * deleted comes back with another one. What is stored is sent on by the server itself (`decodeRepublished`).
 *
 * What is kept is decided by the stream's limits, the same for all channels; the policy of an append is not asked.
 *
 * L3 where the stream begins after a position, it cannot say whether what it has trimmed was of this channel. Unless
 * the message at the position is still there, or this process has seen the channel's end, the answer is `trimmed`,
 * although perhaps nothing was lost.
 *
 * L4 a single server that loses its power may lose the last entries without a new epoch, since it writes them to its
 * disk now and then; replicas keep them.
 */
import type { Appended, LogLoss, LogPolicy, LogRange, ReplayLog } from './replay-log.ts'
import { missedNothing, SeenHeads, type SeenHead } from './jetstream-heads.ts'
import type { Clock } from '../clock.ts'
import type { StreamCondition, StreamEntry, StreamSubject } from '../drivers/jetstream-port.ts'
import type { JetStream } from '../drivers/jetstream.ts'
import { KeptStream } from '../drivers/kept-stream.ts'
import { subjectOf } from '../drivers/nats-subject.ts'
import { SluiceError } from '../errors.ts'
import { isInbox } from '../protocol/channel.ts'
import type { Position } from '../protocol/position.ts'
import { idKeyOf } from '../protocol/message-id.ts'
import type { LoggedMessage, NewMessage } from '../protocol/message.ts'
import { decodeStored, encodeStored } from '../protocol/packet.ts'
import type { JetStreamReplayLogOptions } from './jetstream-options.ts'
import { LeaderProof } from './leader-proof.ts'
import { startOf } from './stream-start.ts'
import { TRACEPARENT } from '../tracing.ts'
import { Turns } from '../turns.ts'

/** What is stored to see who leads, in the place of a channel without a name: there is none. */
const NOTHING = new Uint8Array()
const PREFIX = 'sluice'
const SEEN_HEADS_MAX = 100_000
/** Of two that race for an inbox one wins each time; whoever loses that often goes on without knowing. */
const RACES_MAX = 32
/** As many messages as others append to an inbox while this process appends one. */
const STEPS_MAX = 32

export class JetStreamReplayLog implements ReplayLog {
  readonly #js: JetStream
  readonly #name: string
  readonly #subjectPrefix: string
  readonly #replicated: boolean
  readonly #stream: KeptStream
  readonly #heads = new SeenHeads(SEEN_HEADS_MAX)
  readonly #leader: LeaderProof
  /** By inbox: the next one's predecessor is known when the one before it is stored. */
  readonly #inboxes = new Turns()

  constructor(js: JetStream, clock: Clock, options: JetStreamReplayLogOptions) {
    const prefix = options.prefix ?? PREFIX
    const replicas = options.replicas ?? 1
    this.#js = js
    this.#name = prefix.toUpperCase()
    this.#subjectPrefix = `${prefix}.log`
    this.#replicated = replicas > 1
    this.#leader = new LeaderProof(clock, () => this.#stream.append(this.#where('').subject, NOTHING, {}))
    const spec = {
      name: this.#name,
      subjectPrefix: this.#subjectPrefix,
      republishPrefix: `${prefix}.durable`,
      maxAgeMs: options.maxAgeMs,
      ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
      replicas,
      storage: options.storage ?? 'file',
      idempotencyMs: options.idempotencyMs,
    }
    this.#stream = new KeptStream(js, clock, spec, {
      renewed: () => this.#heads.clear(),
      returned: () => options.returned?.(),
      troubled: (trouble) => options.troubled?.(trouble),
    })
  }

  /** The epoch of what the stream sends on; `undefined` before it was reached for the first time. */
  get epoch(): string | undefined {
    return this.#stream.epoch
  }

  /** Resolves once the stream is there. Fails with what is wrong with it, or `unavailable` after the time limit. */
  ready(): Promise<void> {
    return this.#stream.within('open its stream', () => Promise.resolve())
  }

  /**
   * `previous` is exact for an inbox. For any other channel it is the offset before the message's own, since the
   * copy that subscribers get comes from the stream, which knows the predecessor.
   */
  append(channel: string, message: NewMessage, _policy: LogPolicy): Promise<Appended> {
    const stored = encodeStored(message)
    const idKey = idKeyOf(message)
    const id = idKey === undefined ? undefined : this.#idOf(channel, idKey)
    if (!isInbox(channel)) {
      // The copy that subscribers get comes from the stream.
      const headers = message.trace === undefined ? undefined : { [TRACEPARENT]: message.trace }
      return this.#stream.within('confirm a message', () => this.#append(channel, stored, { id, headers }))
    }
    let over = false
    return this.#stream
      .within('confirm a message', () =>
        this.#inboxes.take(channel, async () => {
          // Whoever asked for it has been told that it failed.
          if (over) throw new SluiceError('unavailable', 'JetStream did not come to a message in time')
          return this.#replicated
            ? this.#appendAndLook(channel, stored, id)
            : this.#appendNext(channel, stored, id)
        }),
      )
      .finally(() => (over = true))
  }

  read(channel: string, after: Position, limit: number): Promise<LogRange> {
    return this.#stream.within('answer a read', async (epoch) => {
      if (after.epoch !== epoch) return lost('epoch', await this.#head(channel, epoch))
      const where = this.#where(channel)
      const seen = this.#heads.get(channel)
      const reachedBefore = this.#stream.reached
      const newest = await this.#js.newest(where)
      if (newest === undefined) return this.#readEmpty(channel, after, reachedBefore)
      const head: Position = { epoch, offset: this.#note(channel, newest, reachedBefore) }
      if (after.offset > head.offset) return this.#ahead(channel, after, head)
      if (after.offset === head.offset) return { kind: 'range', messages: [], head }
      // With the entry at the position itself: while it is there, nothing after it has been trimmed.
      const entries = await this.#js.range(where, after.offset, head.offset, limit + 1)
      const { firstSequence } = await this.#stream.state(epoch)
      const [oldest] = entries
      if (oldest === undefined) return lost('trimmed', head)
      const anchored = oldest.sequence === after.offset
      // What was trimmed while it was being read may have left a hole behind the first entry.
      const whole = after.offset + 1 >= firstSequence || oldest.sequence >= firstSequence
      if (!whole || !(anchored || missedNothing(after.offset, firstSequence, seen))) {
        return lost('trimmed', head)
      }
      const messages: LoggedMessage[] = []
      let previous = after.offset
      for (const entry of anchored ? entries.slice(1) : entries.slice(0, limit)) {
        const message = decodeStored(entry.data)
        // Written by another version, or by somebody else: it is as good as gone, and all before it.
        if (message === undefined) return lost('trimmed', head)
        messages.push(logged(channel, epoch, entry, previous, message))
        previous = entry.sequence
      }
      return { kind: 'range', messages, head }
    })
  }

  /**
   * JetStream reads forwards only: where to begin is searched for.
   */
  last(channel: string, count: number): Promise<LogRange> {
    return this.#stream.within('answer a read', async (epoch) => {
      const where = this.#where(channel)
      const reachedBefore = this.#stream.reached
      const newest = await this.#js.newest(where)
      if (newest === undefined || count <= 0) {
        return { kind: 'range', messages: [], head: await this.#head(channel, epoch) }
      }
      const head: Position = { epoch, offset: this.#note(channel, newest, reachedBefore) }
      const bounds = { first: (await this.#stream.state(epoch)).firstSequence, last: head.offset }
      const start = await startOf(bounds, count + 1, (from) => this.#js.countFrom(where, from))
      const read = await this.#js.range(where, start, head.offset, Number.MAX_SAFE_INTEGER)
      const { firstSequence } = await this.#stream.state(epoch)
      // What has been trimmed meanwhile may have left holes among what is gone, never among what is left.
      const entries = read.filter(({ sequence }) => sequence >= firstSequence).slice(-count - 1)
      // The search goes by what any server counts. Where it began too late, what is before the first entry is not known.
      let previous = entries.length > count || start > firstSequence ? undefined : firstSequence - 1
      let messages: LoggedMessage[] = []
      for (const entry of entries) {
        const message = decodeStored(entry.data)
        if (message === undefined) messages = []
        else if (previous !== undefined) messages.push(logged(channel, epoch, entry, previous, message))
        previous = entry.sequence
      }
      return { kind: 'range', messages, head }
    })
  }

  head(channel: string): Promise<Position> {
    return this.#stream.within('answer a read', (epoch) => this.#head(channel, epoch))
  }

  /** A stream takes a message once most of its servers have it, so no two of them take others. */
  disown(): Promise<void> {
    return Promise.resolve()
  }

  /** A hole in the middle of a stream would not be told from one in which nothing was. */
  remove(): Promise<void> {
    const why = 'messages of durable channels leave by their age only'
    return Promise.reject(new SluiceError('bad_request', why))
  }

  healthy(): boolean {
    return this.#stream.healthy()
  }

  /** The connection is not the log's alone, and stays open. */
  close(): Promise<void> {
    this.#stream.close()
    return Promise.resolve()
  }

  async #append(channel: string, stored: Buffer, condition: StreamCondition): Promise<Appended> {
    const reachedBefore = this.#stream.reached
    const answer = await this.#stream.append(this.#where(channel).subject, stored, condition)
    if (answer.kind === 'overtaken') throw new Error('an append without a condition cannot be overtaken')
    const { sequence: offset, duplicate } = answer
    const epoch = await this.#stream.epochOf(offset, duplicate ? 0 : reachedBefore)
    if (!duplicate) this.#heads.note(channel, offset)
    return { epoch, offset, previous: offset - 1, duplicate }
  }

  /** Appends after an entry that is known, so that its offset can be told. */
  async #appendNext(channel: string, stored: Buffer, id: string | undefined): Promise<Appended> {
    const { subject } = this.#where(channel)
    const seen = this.#heads.get(channel)
    let last = seen?.offset ?? 0
    for (let races = 0; races < RACES_MAX; races++) {
      const reachedBefore = this.#stream.reached
      const answer = await this.#stream.append(subject, stored, { id, lastSequence: last })
      if (answer.kind === 'overtaken') {
        last = answer.lastSequence
        continue
      }
      const { sequence: offset, duplicate } = answer
      const epoch = await this.#stream.epochOf(offset, duplicate ? 0 : reachedBefore)
      if (duplicate) return { epoch, offset, previous: offset - 1, duplicate }
      // Without a predecessor, all that the inbox had is gone, or it never had anything.
      const previous =
        last > 0 ? last : Math.min((await this.#startAfter(epoch, seen?.offset ?? 0, seen)).start, offset - 1)
      this.#heads.note(channel, offset)
      return { epoch, offset, previous, duplicate }
    }
    return this.#append(channel, stored, { id })
  }

  /**
   * The leader of a stream with replicas lets through two that expect the same predecessor when they come together
   * (server 2.9.10), so what it was told to expect proves nothing: here the predecessor is looked for afterwards.
   */
  async #appendAndLook(channel: string, stored: Buffer, id: string | undefined): Promise<Appended> {
    const where = this.#where(channel)
    const seen = this.#heads.get(channel)
    const known = seen?.offset ?? (await this.#js.newest(where))?.sequence ?? 0
    const appended = await this.#append(channel, stored, { id })
    const { epoch, offset, duplicate } = appended
    if (duplicate) return appended
    let previous = Math.min((await this.#startAfter(epoch, known, seen)).start, offset - 1)
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const next = await this.#js.next(where, previous + 1)
      if (next === undefined || next.sequence > offset) break
      if (next.sequence === offset) return { epoch, offset, previous, duplicate }
      previous = next.sequence
    }
    return appended
  }

  /**
   * A client has more than the stream has, or than a leader knows of that the others have left: cut off from them it answers
   * reads for some seconds more. What can be stored now was stored by the one that most of them follow.
   */
  async #ahead(channel: string, after: Position, head: Position): Promise<LogRange> {
    if (!this.#replicated) return lost('ahead', head)
    await this.#leader.prove()
    const now = await this.#head(channel, head.epoch)
    if (after.offset > now.offset) return lost('ahead', now)
    throw new SluiceError('unavailable', 'JetStream has answered with less than it has; try again')
  }

  /** Of a channel in which there is nothing. */
  async #readEmpty(channel: string, after: Position, reachedBefore: number): Promise<LogRange> {
    const { head, lastSequence } = await this.#endOfEmpty(channel, after.epoch, reachedBefore)
    if (after.offset > Math.max(lastSequence, head.offset)) return this.#ahead(channel, after, head)
    if (after.offset < head.offset) return lost('trimmed', head)
    // It may be a later end than this process knew: another one has named it.
    this.#heads.note(channel, after.offset, Math.max(after.offset, reachedBefore))
    return { kind: 'range', messages: [], head: { epoch: after.epoch, offset: after.offset } }
  }

  async #head(channel: string, epoch: string): Promise<Position> {
    const reachedBefore = this.#stream.reached
    const newest = await this.#js.newest(this.#where(channel))
    if (newest !== undefined) return { epoch, offset: this.#note(channel, newest, reachedBefore) }
    return (await this.#endOfEmpty(channel, epoch, reachedBefore)).head
  }

  /** `reachedBefore`: of the stream, before it was found that the channel has nothing in it. */
  async #endOfEmpty(
    channel: string,
    epoch: string,
    reachedBefore: number,
  ): Promise<{ readonly head: Position; readonly lastSequence: number }> {
    const seen = this.#heads.get(channel)
    const { start: offset, lastSequence } = await this.#startAfter(epoch, seen?.offset ?? 0, seen)
    this.#heads.note(channel, offset, Math.max(offset, reachedBefore))
    return { head: { epoch, offset }, lastSequence }
  }

  /**
   * `known`, where nothing of the channel after it can have been trimmed unseen. Otherwise the position before all that
   * the stream still has: whatever the channel may have lost is before it, and what comes is after it.
   */
  async #startAfter(
    epoch: string,
    known: number,
    seen: SeenHead | undefined,
  ): Promise<{ readonly start: number; readonly lastSequence: number }> {
    const { firstSequence, lastSequence } = await this.#stream.state(epoch)
    const start = missedNothing(known, firstSequence, seen) ? known : firstSequence - 1
    return { start, lastSequence }
  }

  /** `reachedBefore`: of the stream, before its newest entry of the channel was asked for. */
  #note(channel: string, { sequence }: StreamEntry, reachedBefore: number): number {
    this.#heads.note(channel, sequence, Math.max(sequence, reachedBefore))
    this.#stream.saw(sequence)
    return sequence
  }

  #where(channel: string): StreamSubject {
    const subject = subjectOf(this.#subjectPrefix, channel)
    return { stream: this.#name, subject, replicated: this.#replicated }
  }

  /** Headers take no line breaks; neither part has a blank, so it separates. */
  #idOf(channel: string, idKey: string): string {
    return `${subjectOf('', channel)} ${subjectOf('', idKey)}`
  }
}

function lost(why: LogLoss, head: Position): LogRange {
  return { kind: 'lost', why, head }
}

function logged(
  channel: string,
  epoch: string,
  { sequence }: StreamEntry,
  previous: number,
  message: NewMessage,
): LoggedMessage {
  return { kind: 'logged', channel, epoch, offset: sequence, previous, ack: true, ...message }
}
