/**
 * The only door to JetStream: streams, what is in them, and what is appended to them. Every call answers or fails
 * within its time limit; without a connection it fails at once, since the client would wait for one.
 *
 * Reads see everything that was confirmed before they began. A server that follows another one may lag behind it, so
 * a stream with replicas is asked at its leader, and a range is read up to an entry that the leader has named.
 */
import { setTimeout as delay } from 'node:timers/promises'
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  jetstream,
  JetStreamApiCodes,
  JetStreamApiError,
  JetStreamError,
  jetstreamManager,
  StorageType,
  type ConsumerInfo,
  type JetStreamClient,
  type JetStreamManager,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream'
import { errors, type NatsConnection } from '@nats-io/transport-node'
import type { StreamAppend, StreamEntry, StreamSpec, StreamState, StreamSubject } from './jetstream-port.ts'
import type { NatsEvents } from './nats-port.ts'
import { SluiceError } from '../errors.ts'

/** What this needs of a `NatsLink`. */
export interface NatsSource {
  readonly up: boolean
  readonly connection: NatsConnection | undefined
  watch(events: NatsEvents): void
}

const NS_PER_MS = 1_000_000
const TIMEOUT_MS = 2_000
const IDEMPOTENCY_MIN_MS = 100
/** A reader that this process could not delete is gone after this time. */
const READER_IDLE_MS = 5_000
/** The least for which the client lets a server wait. */
const FETCH_EXPIRES_MS = 1_000
/** Measured against a server on the same machine: below, asking one by one is cheaper than making a reader. */
const ONE_BY_ONE_MAX = 6
const SETTLE_MS = 100
const SETTLE_TRIES = 10
/** The client does not export the class. */
const NOT_ENABLED = 'JetStreamNotEnabled'
/** The client has no name for it. */
const MESSAGE_TOO_LARGE = 10_054
const WRONG_LAST_SEQUENCE = /wrong last sequence: (\d+)/

interface Clients {
  readonly connection: NatsConnection
  readonly data: JetStreamClient
  readonly streams: Promise<JetStreamManager>
}

export class JetStream {
  readonly #source: NatsSource
  readonly #timeoutMs: number
  #clients: Clients | undefined

  constructor(source: NatsSource, options: { readonly timeoutMs?: number } = {}) {
    this.#source = source
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  }

  get up(): boolean {
    return this.#source.up && this.#source.connection !== undefined
  }

  /** After `connected` streams may be others than before. */
  watch(events: NatsEvents): void {
    this.#source.watch(events)
  }

  /** As many steps as an operation needs, within one time limit. Fails with `unavailable` when it is over. */
  async within<T>(what: string, run: () => Promise<T>): Promise<T> {
    let timeout: NodeJS.Timeout | undefined
    const overdue = new Promise<never>((_, reject) => {
      timeout = setTimeout(() => {
        reject(new SluiceError('unavailable', `JetStream did not ${what} within ${this.#timeoutMs} ms`))
      }, this.#timeoutMs)
    })
    try {
      return await Promise.race([run(), overdue])
    } catch (error) {
      throw asOurs(error)
    } finally {
      clearTimeout(timeout)
    }
  }

  /**
   * Creates the stream, or gives the one that is there what `spec` asks for; never deletes one. Fails with
   * `unavailable` where it exists with what cannot be changed: another storage, other subjects to send to.
   */
  async ensureStream(spec: StreamSpec): Promise<StreamState> {
    const wanted = configOf(spec)
    try {
      const streams = await this.#open().streams
      const found = (await infoOf(streams, spec.name)) ?? (await created(streams, wanted))
      for (const key of ['storage', 'republish'] as const) {
        if (same(found.config[key], wanted[key])) continue
        const [is, asked] = [JSON.stringify(found.config[key]), JSON.stringify(wanted[key])]
        const how = 'a stream keeps what it was created with'
        throw new SluiceError(
          'unavailable',
          `stream ${spec.name} has ${key} ${is}, not ${asked}, and ${how}: delete it, or configure what it has`,
        )
      }
      const differs = Object.entries(wanted).some(([key, value]) => {
        return !same(found.config[key as keyof StreamConfig], value)
      })
      if (differs) await streams.streams.update(spec.name, wanted)
      // What a cluster answers to a change is not yet what it says from then on: the time of creation may differ.
      return stateOf(
        spec.replicas > 1 ? await settled(streams, spec.name) : await streams.streams.info(spec.name),
      )
    } catch (error) {
      throw asOurs(error)
    }
  }

  /** `undefined`: there is no such stream. */
  async state(stream: string): Promise<StreamState | undefined> {
    try {
      const found = await infoOf(await this.#open().streams, stream)
      return found === undefined ? undefined : stateOf(found)
    } catch (error) {
      throw asOurs(error)
    }
  }

  /**
   * Sends in the tick of the call, so entries are in the order of the calls. An `id` that the stream remembers is a
   * duplicate, whatever `lastSequence` is. With `lastSequence` it is stored only where that is the newest entry of the
   * subject (0: there is none). Fails with `unavailable`, and `limit_exceeded` where it is too large.
   */
  async append(
    subject: string,
    data: Uint8Array,
    { id, lastSequence }: { readonly id?: string | undefined; readonly lastSequence?: number | undefined },
  ): Promise<StreamAppend> {
    try {
      const confirmed = await this.#open().data.publish(subject, data, {
        timeout: this.#timeoutMs,
        ...(id === undefined ? {} : { msgID: id }),
        ...(lastSequence === undefined ? {} : { expect: { lastSubjectSequence: lastSequence } }),
      })
      // A replicated stream may know an id whose entry has no number yet.
      if (confirmed.seq === 0) throw new SluiceError('unavailable', 'the first with this id is being stored')
      return { kind: 'appended', sequence: confirmed.seq, duplicate: confirmed.duplicate }
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamWrongLastSequence) {
        const last = WRONG_LAST_SEQUENCE.exec(error.message)?.[1]
        if (last !== undefined) return { kind: 'overtaken', lastSequence: Number.parseInt(last, 10) }
      }
      throw asOurs(error)
    }
  }

  /** The newest entry of a subject. */
  newest(where: StreamSubject): Promise<StreamEntry | undefined> {
    return this.#get(where, { last_by_subj: where.subject })
  }

  /** The oldest entry of a subject that is not before `sequence`. */
  next(where: StreamSubject, sequence: number): Promise<StreamEntry | undefined> {
    return this.#get(where, { seq: sequence, next_by_subj: where.subject })
  }

  /**
   * The entries of a subject from one number to another, oldest first, at most `limit`. `to` is an entry of it; where
   * it is removed meanwhile, what is left before it comes.
   */
  async range(where: StreamSubject, from: number, to: number, limit: number): Promise<StreamEntry[]> {
    if (limit <= 0 || from > to) return []
    const entries: StreamEntry[] = []
    // No subject has more entries than numbers.
    const most = Math.min(limit, to - from + 1)
    for (let at = Math.max(from, 1); at <= to && entries.length < most;) {
      const few = most - entries.length <= ONE_BY_ONE_MAX
      const read = few ? [] : await this.#fetch(where, at, to, most - entries.length)
      // A reader may be at a server that has not got so far, or is not ready: the leader knows whether there is more.
      const next = read.length === 0 ? await this.next(where, at) : undefined
      if (next !== undefined && next.sequence <= to) read.push(next)
      const last = read.at(-1)
      if (last === undefined) break
      entries.push(...read)
      at = last.sequence + 1
    }
    return entries
  }

  /** How many entries of a subject are not before `sequence`; less where a server lags. */
  countFrom(where: StreamSubject, sequence: number): Promise<number> {
    return this.#withReader(where, sequence, (_, reader) => Promise.resolve(reader.num_pending))
  }

  #fetch(where: StreamSubject, from: number, to: number, limit: number): Promise<StreamEntry[]> {
    return this.#withReader(where, from, async (data, reader) => {
      const entries: StreamEntry[] = []
      const messages = await data.consumers
        .getConsumerFromInfo(reader)
        .fetch({ max_messages: limit, expires: FETCH_EXPIRES_MS })
      for await (const { seq, data: bytes } of messages) {
        if (seq > to) break
        entries.push({ sequence: seq, data: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) })
        if (seq === to || entries.length === limit) break
      }
      return entries
    })
  }

  async #withReader<T>(
    { stream, subject }: StreamSubject,
    from: number,
    run: (data: JetStreamClient, reader: ConsumerInfo) => Promise<T>,
  ): Promise<T> {
    const { data, streams: opening } = this.#open()
    try {
      const streams = await opening
      const reader = await streams.consumers.add(stream, {
        ack_policy: AckPolicy.None,
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: Math.max(from, 1),
        filter_subject: subject,
        inactive_threshold: READER_IDLE_MS * NS_PER_MS,
        mem_storage: true,
        num_replicas: 1,
      })
      try {
        return await run(data, reader)
      } finally {
        // Nobody waits for it, and one that cannot be deleted goes by itself.
        streams.consumers.delete(stream, reader.name).catch(() => undefined)
      }
    } catch (error) {
      throw asOurs(error)
    }
  }

  async #get(
    { stream, replicated }: StreamSubject,
    query: { last_by_subj: string } | { seq: number; next_by_subj: string },
  ): Promise<StreamEntry | undefined> {
    try {
      const streams = await this.#open().streams
      const found = replicated
        ? await streams.streams.getMessage(stream, query)
        : await streams.direct.getMessage(stream, query)
      if (found === null) return undefined
      const { data } = found
      return { sequence: found.seq, data: Buffer.from(data.buffer, data.byteOffset, data.length) }
    } catch (error) {
      throw asOurs(error)
    }
  }

  #open(): Clients {
    const { connection } = this.#source
    if (!this.#source.up || connection === undefined) {
      throw new SluiceError('unavailable', 'JetStream cannot be reached now')
    }
    if (this.#clients?.connection !== connection) {
      const options = { timeout: this.#timeoutMs, checkAPI: false }
      this.#clients = {
        connection,
        data: jetstream(connection, options),
        streams: jetstreamManager(connection, options),
      }
    }
    return this.#clients
  }
}

function configOf(spec: StreamSpec): Partial<StreamConfig> & { name: string } {
  const idempotencyMs = Math.max(Math.min(spec.idempotencyMs, spec.maxAgeMs), IDEMPOTENCY_MIN_MS)
  const src = `${spec.subjectPrefix}.>`
  return {
    name: spec.name,
    subjects: [src],
    discard: spec.bucket === true ? DiscardPolicy.New : DiscardPolicy.Old,
    deny_delete: spec.bucket === true,
    allow_rollup_hdrs: spec.bucket === true,
    storage: spec.storage === 'file' ? StorageType.File : StorageType.Memory,
    num_replicas: spec.replicas,
    max_age: spec.maxAgeMs * NS_PER_MS,
    max_bytes: spec.maxBytes ?? -1,
    max_msgs_per_subject: spec.maxPerSubject ?? -1,
    // What may be published is decided at the doors.
    max_msg_size: -1,
    duplicate_window: idempotencyMs * NS_PER_MS,
    allow_direct: true,
    ...(spec.republishPrefix === undefined ? {} : { republish: { src, dest: `${spec.republishPrefix}.>` } }),
  }
}

async function infoOf(streams: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await streams.streams.info(name)
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound)
      return undefined
    throw error
  }
}

/** Where two create it at once, the server refuses one of them, and the stream is there. */
async function created(streams: JetStreamManager, wanted: ReturnType<typeof configOf>): Promise<StreamInfo> {
  try {
    return await streams.streams.add(wanted)
  } catch (error) {
    const others = error instanceof JetStreamApiError ? await infoOf(streams, wanted.name) : undefined
    if (others === undefined) throw error
    return others
  }
}

/**
 * Each server of a cluster that has just made a stream has a time of creation of its own, until it hears the common one.
 * Twice the same is taken for that.
 */
async function settled(streams: JetStreamManager, name: string): Promise<StreamInfo> {
  let info = await streams.streams.info(name)
  for (let tries = 0; tries < SETTLE_TRIES; tries++) {
    await delay(SETTLE_MS)
    const next = await streams.streams.info(name)
    if (next.created === info.created) return next
    info = next
  }
  return info
}

function stateOf({ created: createdAt, state }: StreamInfo): StreamState {
  return {
    createdMs: Date.parse(createdAt),
    // A stream that never had an entry says 0 for both.
    firstSequence: Math.max(state.first_seq, 1),
    lastSequence: state.last_seq,
  }
}

function same(left: unknown, right: unknown): boolean {
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) {
    return left === right
  }
  const keys = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...keys].every((key) => same(Reflect.get(left, key), Reflect.get(right, key)))
}

function asOurs(error: unknown): Error {
  if (error instanceof SluiceError) return error
  if (error instanceof errors.InvalidArgumentError) {
    return new SluiceError('limit_exceeded', 'a message is larger than the NATS server takes (max_payload)')
  }
  if (error instanceof errors.TimeoutError) {
    return new SluiceError('unavailable', 'JetStream did not answer in time')
  }
  if (error instanceof Error && error.name === NOT_ENABLED) {
    return new SluiceError(
      'unavailable',
      'no JetStream stream takes this: it is not enabled, or not created yet',
    )
  }
  if (error instanceof JetStreamApiError && error.code === MESSAGE_TOO_LARGE) {
    return new SluiceError('limit_exceeded', 'a message is larger than the JetStream stream takes')
  }
  if (error instanceof JetStreamApiError || error instanceof JetStreamError) {
    return new SluiceError('unavailable', `JetStream refuses: ${error.message}`)
  }
  if (error instanceof TypeError || error instanceof RangeError) return error
  return new SluiceError('unavailable', 'JetStream cannot be reached now', { cause: error })
}
