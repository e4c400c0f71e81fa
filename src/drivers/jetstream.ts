/**
 * The only door to JetStream: streams, what is in them, and what is appended to them. Every call answers or fails
 * within its time limit; without a connection it fails at once, since the client would wait for one.
 *
 * Reads see everything that was confirmed before they began. A server that follows another one may lag behind it, so
 * of a stream with replicas every entry that is read comes from its leader, and none from a server that is too old for
 * replicas (`jetstream-servers.ts`).
 */
import { setTimeout as delay } from 'node:timers/promises'
import {
  AckPolicy,
  DeliverPolicy,
  jetstream,
  JetStreamApiCodes,
  JetStreamApiError,
  jetstreamManager,
  type ConsumerInfo,
  type JetStreamClient,
  type JetStreamManager,
  type JetStreamPublishOptions,
  type PubAck,
  type StreamConfig,
} from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { asClientHeaders } from './nats-headers.ts'
import { asOurs, isNobodyThere, JetStreamLacks } from './jetstream-errors.ts'
import type {
  StreamAppend,
  StreamCondition,
  StreamEntry,
  StreamSpec,
  StreamState,
  StreamSubject,
} from './jetstream-port.ts'
import { JetStreamServers, keepsMetadata } from './jetstream-servers.ts'
import { configOf, created, freshEpoch, infoOf, missingEpoch, same, stateOf } from './jetstream-streams.ts'
import { asTheLeaderHasIt } from './leader-reads.ts'
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
/** A reader that this process could not delete is gone after this time. */
const READER_IDLE_MS = 5_000
/** The least for which the client lets a server wait. */
const FETCH_EXPIRES_MS = 1_000
/** Servers of a cluster tell one another within a round trip or two. */
const READER_TRIES = 5
const READER_WAIT_MS = 10
/** Measured against a server on the same machine: below, asking one by one is cheaper than making a reader. */
const ONE_BY_ONE_MAX = 6
/** The client has no name for it. */
const ID_IN_PROCESS = 10_158
/** A majority has it after a round trip or two. Whoever waits has a time limit of his own. */
const IN_PROCESS_MS = 20
const IN_PROCESS_TRIES = 100
const WRONG_LAST_SEQUENCE = /wrong last sequence: (\d+)/

interface Clients {
  readonly connection: NatsConnection
  readonly data: JetStreamClient
  readonly streams: Promise<JetStreamManager>
}

export class JetStream {
  readonly #source: NatsSource
  readonly #timeoutMs: number
  readonly #servers = new JetStreamServers()
  #clients: Clients | undefined

  constructor(source: NatsSource, options: { readonly timeoutMs?: number } = {}) {
    this.#source = source
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS
    // The first that watches: those who open their streams then find the server looked at.
    source.watch({ connected: () => this.#lookAtServer(), disconnected: () => undefined })
    this.#lookAtServer()
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
        reject(new JetStreamLacks('silent', `JetStream did not ${what} within ${this.#timeoutMs} ms`))
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
   * `unavailable` where it exists with what cannot be changed (another storage, other subjects to send to), or wants
   * replicas on a server that does not keep them alike.
   */
  async ensureStream(spec: StreamSpec): Promise<StreamState> {
    const wanted = configOf(spec)
    try {
      const objection = this.#servers.objection(spec.replicas)
      if (objection !== undefined) throw new SluiceError('unavailable', objection)
      const { connection, streams: opening } = this.#open()
      const streams = await opening
      const marked = keepsMetadata(connection.info?.version ?? '')
      const found =
        (await infoOf(streams, spec.name)) ??
        (await created(streams, marked ? { ...wanted, metadata: freshEpoch() } : wanted))
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
      const metadata = marked ? missingEpoch(found) : undefined
      if (differs || metadata !== undefined) {
        await streams.streams.update(spec.name, metadata === undefined ? wanted : { ...wanted, metadata })
      }
      return stateOf(await streams.streams.info(spec.name))
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
    { id, lastSequence, headers }: StreamCondition,
  ): Promise<StreamAppend> {
    try {
      const options = {
        timeout: this.#timeoutMs,
        ...(id === undefined ? {} : { msgID: id }),
        ...(headers === undefined ? {} : { headers: asClientHeaders(headers) }),
        ...(lastSequence === undefined ? {} : { expect: { lastSubjectSequence: lastSequence } }),
      }
      for (let tries = 0; tries < IN_PROCESS_TRIES; tries++) {
        const confirmed = await this.#publish(subject, data, options)
        if (confirmed !== undefined) {
          return { kind: 'appended', sequence: confirmed.seq, duplicate: confirmed.duplicate }
        }
        await delay(IN_PROCESS_MS)
      }
      throw new SluiceError('unavailable', 'the first with this id is being stored')
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamWrongLastSequence) {
        const last = WRONG_LAST_SEQUENCE.exec(error.message)?.[1]
        if (last !== undefined) return { kind: 'overtaken', lastSequence: Number.parseInt(last, 10) }
      }
      throw asOurs(error)
    }
  }

  /** `undefined`: a replicated stream knows the id, and its entry has no number yet. Sent again, it is told of that one. */
  async #publish(
    subject: string,
    data: Uint8Array,
    options: Partial<JetStreamPublishOptions>,
  ): Promise<PubAck | undefined> {
    try {
      const confirmed = await this.#open().data.publish(subject, data, options)
      // So server 2.9.10 says it.
      return confirmed.seq === 0 ? undefined : confirmed
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === ID_IN_PROCESS) return undefined
      throw error
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
      const shown = few ? [] : await this.#fetch(where, at, to, most - entries.length)
      const read = where.replicated
        ? await asTheLeaderHasIt(shown, at, to, (sequence) => this.next(where, sequence))
        : shown
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

  /** How many entries of a subject are not before `sequence`, as any server of the stream counts them: an estimate. */
  countFrom(where: StreamSubject, sequence: number): Promise<number> {
    return this.#withReader(where, sequence, (_, reader) => Promise.resolve(reader.num_pending))
  }

  #fetch(where: StreamSubject, from: number, to: number, limit: number): Promise<StreamEntry[]> {
    return this.#withReader(where, from, async (data, reader) => {
      for (let tries = 1; ; tries++) {
        try {
          return await fetched(data, reader, to, limit)
        } catch (error) {
          if (!isNobodyThere(error)) throw error
          // It was made at another server, of which this one has not heard yet.
          if (tries === READER_TRIES) return []
          await delay(READER_WAIT_MS)
        }
      }
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

  #lookAtServer(): void {
    const { connection } = this.#source
    if (connection?.info !== undefined) this.#servers.saw(connection.getServer(), connection.info.version)
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

async function fetched(
  data: JetStreamClient,
  reader: ConsumerInfo,
  to: number,
  limit: number,
): Promise<StreamEntry[]> {
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
}
