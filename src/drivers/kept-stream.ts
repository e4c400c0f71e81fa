/**
 * A stream that the gateway keeps: created where it is missing, adapted where it differs, never deleted, and looked
 * after for as long as the node runs. It is made with an epoch, so a stream that was deleted by somebody comes back with
 * another one.
 *
 * A stream that is replaced under a running node without a cut in the connection is noticed by a number that comes
 * again, by a read that looks at the stream's state, or by the next look, every few seconds.
 */
import { JetStreamLacks } from './jetstream-errors.ts'
import type { StreamAppend, StreamCondition, StreamSpec, StreamState } from './jetstream-port.ts'
import type { JetStream } from './jetstream.ts'
import { StreamTrouble, type Trouble } from './stream-trouble.ts'
import type { Clock, Timer } from '../clock.ts'
import { SluiceError } from '../errors.ts'

/** What flows back. */
export interface KeptStreamEvents {
  /** What was known of the stream's content is not true any more. */
  renewed(): void
  /** It can be used, for the first time or again: it may have more than anybody here has heard of. */
  returned(): void
  /** What is wrong with it, while its servers can be reached; `undefined`: nothing any more. */
  troubled(trouble: Trouble | undefined): void
}

const REOPEN_MS = 500
const VERIFY_MS = 5_000

export class KeptStream {
  readonly #js: JetStream
  readonly #clock: Clock
  readonly #spec: StreamSpec
  readonly #events: KeptStreamEvents
  readonly #trouble = new StreamTrouble()
  readonly #verifying: Timer
  #retry: Timer | undefined
  /** Rejected while the stream cannot be used. */
  #opened: Promise<string>
  #epoch: string | undefined
  #usable = false
  #doubting = false
  #reached = 0
  #closed = false
  #told: Trouble | undefined

  constructor(js: JetStream, clock: Clock, spec: StreamSpec, events: KeptStreamEvents) {
    this.#js = js
    this.#clock = clock
    this.#spec = spec
    this.#events = events
    js.watch({
      connected: () => this.#reopen(),
      disconnected: () => {
        this.#usable = false
      },
    })
    this.#opened = this.#open()
    this.#verifying = clock.every(VERIFY_MS, () => void this.#doubt())
  }

  /** The newest that is known; `undefined` before the stream was reached for the first time. */
  get epoch(): string | undefined {
    return this.#epoch
  }

  /** An entry with this number is, or was, in the stream: so is everything that is asked for later. */
  get reached(): number {
    return this.#reached
  }

  saw(sequence: number): void {
    this.#reached = Math.max(this.#reached, sequence)
  }

  /**
   * An operation on the stream, which is given its epoch. Fails with `unavailable`: at once where the stream cannot be
   * used, after the time limit where it does not answer.
   */
  async within<T>(what: string, run: (epoch: string) => Promise<T>): Promise<T> {
    if (this.#closed) throw new SluiceError('unavailable', `stream ${this.#spec.name} has been closed here`)
    if (!this.#js.up) throw new SluiceError('unavailable', 'JetStream cannot be reached now')
    try {
      return await this.#js.within(what, async () => run(await this.#opened))
    } catch (error) {
      // One that is full has answered.
      const full = error instanceof JetStreamLacks && error.lack === 'resources'
      if (error instanceof SluiceError && error.code === 'unavailable' && !full) void this.#doubt()
      throw error
    }
  }

  /** As `JetStream.append`, of which it takes notice. */
  async append(subject: string, data: Uint8Array, condition: StreamCondition): Promise<StreamAppend> {
    try {
      const answer = await this.#js.append(subject, data, condition)
      if (answer.kind === 'appended' && !answer.duplicate) this.#trouble.stored(data.length)
      return answer
    } catch (error) {
      if (error instanceof JetStreamLacks && error.lack === 'resources') {
        this.#trouble.refused(troubleOf(error), data.length)
      }
      throw error
    } finally {
      this.#tell()
    }
  }

  /** The state of the stream of an epoch. Fails with `unavailable` where it is not that one any more. */
  async state(epoch: string): Promise<StreamState> {
    const state = await this.#js.state(this.#spec.name)
    if (state === undefined || state.epoch !== epoch) {
      this.#reopen()
      throw new SluiceError(
        'unavailable',
        `stream ${this.#spec.name} was deleted or replaced; it is being opened again`,
      )
    }
    this.saw(state.lastSequence)
    return state
  }

  /**
   * The epoch of an entry that was just appended, given what `reached` was before: one with a number that was there
   * already is in another stream.
   */
  async epochOf(sequence: number, reachedBefore: number): Promise<string> {
    if (sequence <= reachedBefore) this.#reopen()
    const epoch = await this.#opened
    this.saw(sequence)
    return epoch
  }

  healthy(): boolean {
    return !this.#closed && this.#js.up && this.#usable
  }

  /** The stream and the connection stay. */
  close(): void {
    this.#closed = true
    this.#verifying.cancel()
    this.#retry?.cancel()
  }

  #reopen(): void {
    if (this.#closed) return
    this.#retry?.cancel()
    this.#opened = this.#open()
  }

  #open(): Promise<string> {
    const opening = this.#ensure()
    opening.then(
      () => {
        if (this.#closed || this.#opened !== opening) return
        const returned = !this.#usable
        this.#usable = true
        this.#trouble.answered()
        this.#tell()
        if (returned) this.#events.returned()
      },
      (error: unknown) => {
        if (this.#closed || this.#opened !== opening) return
        this.#usable = false
        if (this.#js.up && error instanceof SluiceError) {
          this.#trouble.failed(troubleOf(error))
          this.#tell()
        }
        // A link that is down tells when it is up.
        if (this.#js.up) this.#retry = this.#clock.after(REOPEN_MS, () => this.#reopen())
      },
    )
    return opening
  }

  async #ensure(): Promise<string> {
    const state = await this.#js.ensureStream(this.#spec)
    const { epoch } = state
    if (epoch !== this.#epoch) {
      this.#epoch = epoch
      this.#reached = 0
      this.#events.renewed()
    }
    this.saw(state.lastSequence)
    return epoch
  }

  /** Whether it is still there, and the same. */
  async #doubt(): Promise<void> {
    if (this.#doubting || this.#closed || !this.healthy()) return
    this.#doubting = true
    try {
      await this.#lookAt(this.#opened)
    } finally {
      this.#doubting = false
    }
  }

  async #lookAt(opened: Promise<string>): Promise<void> {
    try {
      const epoch = await opened
      const state = await this.#js.state(this.#spec.name)
      if (this.#opened !== opened) return
      this.#trouble.answered()
      this.#tell()
      if (state === undefined || state.epoch !== epoch) this.#reopen()
      else this.saw(state.lastSequence)
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error
      // The link has been down meanwhile, or a stream that is being opened tells itself why it cannot be.
      if (this.#opened !== opened || !this.healthy()) return
      this.#usable = !this.#trouble.failed(troubleOf(error))
      this.#tell()
      if (this.#usable) this.#retry = this.#clock.after(REOPEN_MS, () => void this.#doubt())
      else this.#reopen()
    }
  }

  #tell(): void {
    const trouble = this.#trouble.now
    if (trouble?.lack === this.#told?.lack || this.#closed) return
    this.#told = trouble
    this.#events.troubled(trouble)
  }
}

function troubleOf(error: SluiceError): Trouble {
  return { lack: error instanceof JetStreamLacks ? error.lack : 'refused', reason: error.message }
}
