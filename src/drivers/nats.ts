/**
 * The only door to NATS. It connects in the background for as long as it is open, and nothing waits in a queue for a
 * server that is away: what cannot be sent now is refused, since the client would take it and lose it without a word.
 */
import { connect, errors, type ConnectionOptions, type NatsConnection } from '@nats-io/transport-node'
import { asOurs, away, closed, textOf, thrownApart, tooLarge } from './nats-errors.ts'
import { asClientHeaders, fromClientHeaders } from './nats-headers.ts'
import { clientOptions, type NatsLinkOptions } from './nats-options.ts'
import type { NatsCallback, NatsEvents, NatsHeaders, NatsSubscription } from './nats-port.ts'
import { WantedSubscriptions, type Wanted } from './nats-wanted.ts'
import { SluiceError, type Caught } from '../errors.ts'

const FLUSH_TIMEOUT_MS = 2_000
/** How often it is looked which other servers the one at hand knows: shorter than servers take to find each other again. */
const LOOK_AROUND_MS = 500
/** So many looks are between two tries of what the server has refused: 5 s. */
const LOOKS_PER_TRY = 10
/** What a server allows where it was not told otherwise. */
const MAX_PAYLOAD_BYTES = 1_048_576

export class NatsLink {
  readonly #options: ConnectionOptions
  readonly #caught: Caught
  readonly #watchers: NatsEvents[] = []
  readonly #wanted = new WantedSubscriptions()
  readonly #waiting = new Set<() => void>()
  #connection: NatsConnection | undefined
  #up = false
  #awaySinceMs = 0
  #started = false
  #closing: Promise<void> | undefined
  #maxPayloadBytes = MAX_PAYLOAD_BYTES
  #reason = 'the connection was closed'
  #around: ReadonlySet<string> = new Set()
  #lookingAround: NodeJS.Timeout | undefined
  #looks = 0

  /** Throws where `urls` are not what `nats-url.ts` says. */
  constructor(options: NatsLinkOptions) {
    this.#caught = options.caught ?? thrownApart
    this.#options = clientOptions(options, () => ({
      closed: this.#closing !== undefined,
      awayMs: performance.now() - this.#awaySinceMs,
    }))
  }

  get up(): boolean {
    return this.#up
  }

  /** The largest message that the server takes, headers included. */
  get maxPayloadBytes(): number {
    return this.#maxPayloadBytes
  }

  /** For JetStream alone: undefined before the first connect, and another one if a client should ever give up. */
  get connection(): NatsConnection | undefined {
    return this.#connection
  }

  watch(events: NatsEvents): void {
    this.#watchers.push(events)
  }

  /** Returns at once and never fails: whether there is a NATS is told to those who watch. */
  start(): void {
    if (this.#started) return
    this.#started = true
    this.#awaySinceMs = performance.now()
    this.#lookingAround = setInterval(() => this.#lookAround(), LOOK_AROUND_MS)
    void this.#run()
  }

  /**
   * False: not sent, there is no connection. True promises no arrival: that is what `flush` is for.
   * Fails with `limit_exceeded` where the server would not take that much.
   */
  publish(subject: string, data: Uint8Array, headers?: NatsHeaders): boolean {
    if (!this.#up || this.#connection === undefined) return false
    this.#fits(data)
    try {
      if (headers === undefined) this.#connection.publish(subject, data)
      else this.#connection.publish(subject, data, { headers: asClientHeaders(headers) })
    } catch (error) {
      if (error instanceof errors.ClosedConnectionError) return false
      throw asOurs(error)
    }
    return true
  }

  /** Answers a request. As `publish`. */
  respond(reply: string, data: Uint8Array, headers?: NatsHeaders): boolean {
    return this.publish(reply, data, headers)
  }

  /**
   * Holds through all reconnects until it is cancelled, whether or not there is a connection now, and also where the server refuses it for
   * a while.
   */
  subscribe(subject: string, options: { readonly queue?: string }, callback: NatsCallback): NatsSubscription {
    const exact = /[*>]/.test(subject) ? undefined : subject
    const wanted: Wanted = {
      subject,
      queue: options.queue,
      callback: (error, message) => {
        // The server's refusal, of which the connection's status tells as well.
        if (error !== null) return
        const { data, headers } = message
        const bytes = Buffer.from(data.buffer, data.byteOffset, data.length)
        try {
          callback(
            exact ?? message.subject,
            bytes,
            message.reply ?? '',
            headers && fromClientHeaders(headers),
          )
        } catch (fault) {
          // Inside the client it would end the reading of the connection, and nobody would hear of it.
          this.#caught('nats', fault)
        }
      },
      established: undefined,
    }
    this.#wanted.add(wanted, this.#connection)
    return {
      unsubscribe: () => {
        if (this.#wanted.delete(wanted)) wanted.established?.unsubscribe()
      },
      drain: async () => {
        if (this.#wanted.delete(wanted)) await this.#drain(wanted)
      },
    }
  }

  async #drain({ established }: Wanted): Promise<void> {
    if (established === undefined || established.isClosed()) return
    if (!this.#up) return established.unsubscribe()
    // The last word before the round trip, whose answer comes behind everything that was sent here before.
    established.drain().catch(() => established.unsubscribe())
    try {
      await this.flush()
    } catch (error) {
      // The server is away or hangs, and what was on its way is lost.
      if (!(error instanceof SluiceError)) throw error
    }
  }

  /**
   * One round trip: the server has had everything before it, subscriptions too. Waits for a connection where there is
   * none. Fails with `unavailable` after the time limit, or when the connection breaks.
   */
  async flush(timeoutMs = FLUSH_TIMEOUT_MS): Promise<void> {
    let timeout: NodeJS.Timeout | undefined
    let stopWaiting: (() => void) | undefined
    const overdue = new Promise<never>((_, reject) => {
      timeout = setTimeout(() => {
        reject(new SluiceError('unavailable', `NATS did not answer within ${timeoutMs} ms`))
      }, timeoutMs)
    })
    const roundTrip = async (): Promise<void> => {
      while (!this.#up || this.#connection === undefined) {
        if (this.#closing !== undefined) throw closed()
        await new Promise<void>((resolve) => {
          stopWaiting = resolve
          this.#waiting.add(resolve)
        })
      }
      await this.#connection.flush()
    }
    try {
      await Promise.race([roundTrip(), overdue])
    } catch (error) {
      throw asOurs(error)
    } finally {
      clearTimeout(timeout)
      if (stopWaiting !== undefined) this.#waiting.delete(stopWaiting)
    }
  }

  /**
   * The data of the first answer. Fails with `unavailable` where nobody answers in time, or is there to answer, and
   * with `limit_exceeded` as `publish` does.
   */
  async request(
    subject: string,
    data: Uint8Array,
    timeoutMs: number,
    headers?: NatsHeaders,
  ): Promise<{ readonly data: Buffer; readonly headers: NatsHeaders | undefined }> {
    if (!this.#up || this.#connection === undefined) throw away()
    this.#fits(data)
    try {
      const answer = await this.#connection.request(subject, data, {
        timeout: timeoutMs,
        ...(headers === undefined ? {} : { headers: asClientHeaders(headers) }),
      })
      return {
        data: Buffer.from(answer.data.buffer, answer.data.byteOffset, answer.data.length),
        headers: answer.headers && fromClientHeaders(answer.headers),
      }
    } catch (error) {
      throw asOurs(error)
    }
  }

  /** Sends what is buffered first, as far as the server takes it in time. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const connection = this.#connection
    clearInterval(this.#lookingAround)
    this.#wake()
    try {
      if (this.#up) await this.flush()
    } catch (error) {
      // Then the server is away or hangs, and what was buffered is lost like anything under way.
      if (!(error instanceof SluiceError)) throw error
    }
    this.#up = false
    this.#wanted.clear()
    await connection?.close()
  }

  /** A client reconnects by itself. Should it ever give up for good, another one takes its place. */
  async #run(): Promise<void> {
    while (this.#closing === undefined) {
      const connection = await this.#open()
      if (connection === undefined) return
      await this.#serve(connection)
    }
  }

  async #open(): Promise<NatsConnection | undefined> {
    try {
      // The client tells why an attempt fails only when it may give up: so the first one may.
      return await this.#dial(false)
    } catch (error) {
      this.#tell((events) => events.disconnected(textOf(error)))
    }
    try {
      return await this.#dial(true)
    } catch (error) {
      if (this.#closing === undefined) throw error
      return undefined
    }
  }

  async #dial(waitOnFirstConnect: boolean): Promise<NatsConnection | undefined> {
    const connection = await connect({ ...this.#options, waitOnFirstConnect })
    if (this.#closing === undefined) return connection
    await connection.close()
    return undefined
  }

  async #serve(connection: NatsConnection): Promise<void> {
    this.#connection = connection
    const states = connection.status()
    this.#wanted.establishAll(connection)
    this.#opened(connection)
    for await (const state of states) {
      switch (state.type) {
        case 'reconnect':
          this.#wanted.askAgain(connection)
          this.#opened(connection)
          break
        case 'disconnect':
          this.#lost()
          break
        case 'staleConnection':
          this.#reason = 'the server answered no ping'
          break
        case 'ldm':
          this.#tell((events) => events.lameDuck?.(state.server))
          break
        case 'slowConsumer':
          this.#tell((events) => events.slowConsumer?.(state.sub.getSubject()))
          break
        case 'error':
          this.#reason = textOf(state.error)
          if (/slow consumer/i.test(this.#reason)) this.#tell((events) => events.slowConsumer?.(undefined))
          else this.#tell((events) => events.refused?.(this.#reason))
          break
        default:
      }
    }
    this.#lost()
  }

  #opened(connection: NatsConnection): void {
    this.#maxPayloadBytes = connection.info?.max_payload ?? this.#maxPayloadBytes
    this.#up = true
    this.#around = serversAround(connection)
    this.#reason = 'the connection was closed'
    this.#tell((events) => events.connected())
    this.#wake()
  }

  /**
   * A server names the others that it has routes to, and names them anew when one goes or comes. The client keeps that to itself
   * for servers that it was configured with. What a server has refused it may allow now: nobody tells.
   */
  #lookAround(): void {
    if (!this.#up || this.#connection === undefined) return
    const before = this.#around
    this.#around = serversAround(this.#connection)
    if ([...this.#around].some((server) => !before.has(server))) this.#tell((events) => events.widened?.())
    this.#looks = (this.#looks + 1) % LOOKS_PER_TRY
    if (this.#looks === 0) this.#wanted.askAgain(this.#connection)
  }

  #lost(): void {
    if (!this.#up) return
    this.#up = false
    this.#awaySinceMs = performance.now()
    this.#tell((events) => events.disconnected(this.#reason))
  }

  #tell(event: (events: NatsEvents) => void): void {
    if (this.#closing !== undefined) return
    for (const watcher of this.#watchers) {
      try {
        event(watcher)
      } catch (fault) {
        this.#caught('nats', fault)
      }
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }

  #fits({ length }: Uint8Array): void {
    if (length > this.#maxPayloadBytes) throw tooLarge(length, this.#maxPayloadBytes)
  }
}

function serversAround({ info }: NatsConnection): ReadonlySet<string> {
  return new Set(info?.connect_urls)
}
