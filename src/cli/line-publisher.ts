/**
 * Publishes the lines of a stream, in order, each once, for as long as it takes.
 *
 * Kept (the numbers are in the names of the tests):
 *  P1 one request is under way at a time, so that lines arrive in their order
 *  P2 what is there is sent at once, as a batch of bounded size; nobody waits for a batch to be full
 *  P3 a line keeps its id over all repetitions, so that one whose answer was lost is not published twice
 *  P4 where a node is away or overloaded, the line is sent again until it is taken or `stop` says enough
 *  P5 a line that is refused is counted and told, and does not hold up the others
 *  P6 no more is read than can be sent soon
 */
import { ApiFailure, errorOf, type GatewayApi } from './gateway-api.ts'
import { jsonFault } from './json-fault.ts'
import type { Line } from './lines.ts'

export interface LinePublisherOptions {
  readonly target: { readonly channel: string } | { readonly user: string }
  /** Lines are texts, also those that are JSON. */
  readonly asText: boolean
  /** A line's id is this and its number. */
  readonly idPrefix: string
}

export interface LinePublisherPorts {
  readonly api: Pick<GatewayApi, 'post'>
  /** Ends early where the signal is raised. */
  wait(ms: number, signal: AbortSignal): Promise<void>
  /** At least 0, less than 1. */
  random(): number
  /** A line for the person at the keyboard. */
  tell(line: string): void
}

export interface Totals {
  published: number
  /** Of these, how many the node knew already. */
  duplicates: number
  refused: number
  /** Read, but not sent when `stop` was raised. */
  unsent: number
  requests: number
}

interface Entry {
  readonly line: number
  /** Its message, as JSON. */
  readonly message: string
}

/** Below the limit of a request by default (1000 messages, 4 MiB), which an operator may have lowered. */
const BATCH_LINES_MAX = 500
const BATCH_LENGTH_MAX = 1_048_576
/** Two batches: one on its way, and the next one. */
const PENDING_LINES_MAX = 1000
const PENDING_LENGTH_MAX = 2 * BATCH_LENGTH_MAX

const RETRY_FIRST_MS = 250
const RETRY_MAX_MS = 5000
/** A node that asks for more is asked again nevertheless: it may have been replaced. */
const RETRY_AFTER_MAX_MS = 30_000

/** Every other line would fail in the same way. */
const FATAL: ReadonlySet<string> = new Set(['unauthorized', 'forbidden', 'not_found'])
/** Errors of one message within a batch that may pass. */
const PASSING: ReadonlySet<string> = new Set(['unavailable', 'rate_limited'])

/**
 * A line that is cut off, or one of an object over several lines: as a text it would be published without a word. Brackets and quotes
 * begin lines of logs and of CSV as well, so they are not asked for.
 */
const MEANT_AS_JSON = /^\s*[{}]/

export class LinePublisher {
  readonly #options: LinePublisherOptions
  readonly #ports: LinePublisherPorts
  readonly #stop: AbortSignal
  readonly #pending: Entry[] = []
  #pendingLength = 0
  #ended = false
  #failed: { readonly error: unknown } | undefined
  #wakeSender: (() => void) | undefined
  #wakeReader: (() => void) | undefined
  readonly #totals: Totals = { published: 0, duplicates: 0, refused: 0, unsent: 0, requests: 0 }

  constructor(options: LinePublisherOptions, ports: LinePublisherPorts, stop: AbortSignal) {
    this.#options = options
    this.#ports = ports
    this.#stop = stop
  }

  /** So far; also after `run` has failed. */
  get totals(): Readonly<Totals> {
    return this.#totals
  }

  /** Until the lines end or `stop` is raised. Fails with `ApiFailure` where no line could ever be published. */
  async run(lines: AsyncIterable<readonly Line[]>): Promise<void> {
    const stopped = (): void => this.#end()
    this.#stop.addEventListener('abort', stopped, { once: true })
    if (this.#stop.aborted) this.#end()
    // Not awaited: a reader that is stopped may wait for its next line for ever.
    this.#read(lines).then(
      () => this.#end(),
      (error: unknown) => {
        this.#failed = { error }
        this.#end()
      },
    )
    try {
      await this.#sendAll()
    } finally {
      this.#stop.removeEventListener('abort', stopped)
      this.#ended = true
    }
    if (this.#failed !== undefined) throw this.#failed.error
  }

  #end(): void {
    this.#ended = true
    this.#wakeSender?.()
    this.#wakeReader?.()
  }

  async #read(lines: AsyncIterable<readonly Line[]>): Promise<void> {
    for await (const group of lines) {
      for (const line of group) this.#add(line)
      this.#wakeSender?.()
      while (!this.#ended && this.#isFull()) {
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve
        })
      }
      if (this.#ended) return
    }
  }

  #isFull(): boolean {
    return this.#pending.length >= PENDING_LINES_MAX || this.#pendingLength >= PENDING_LENGTH_MAX
  }

  #add({ number, text }: Line): void {
    if (this.#ended) return
    if (text === undefined) {
      this.#refuse(number, 'it is too long')
      return
    }
    const { target, asText, idPrefix } = this.#options
    const json = !asText && isJson(text)
    if (!asText && !json && MEANT_AS_JSON.test(text)) {
      this.#refuse(
        number,
        `it is not JSON (${jsonFault(text, number)}); to publish lines as texts, add --text`,
      )
      return
    }
    const head = JSON.stringify({ ...target, id: `${idPrefix}-${number}` }).slice(0, -1)
    // The text of a line that is JSON is sent as it is: parsing and printing it would change numbers and spaces.
    const message = `${head},"data":${json ? text : JSON.stringify(text)}}`
    this.#pending.push({ line: number, message })
    this.#pendingLength += message.length
  }

  async #sendAll(): Promise<void> {
    for (;;) {
      if (this.#pending.length > 0) await this.#send(this.#takeBatch())
      else if (this.#ended) return
      else {
        await new Promise<void>((resolve) => {
          this.#wakeSender = resolve
        })
      }
    }
  }

  #takeBatch(): Entry[] {
    let count = 0
    let length = 0
    for (const { message } of this.#pending) {
      length += message.length
      if (count > 0 && (count === BATCH_LINES_MAX || length > BATCH_LENGTH_MAX)) break
      count++
    }
    const batch = this.#pending.splice(0, count)
    for (const { message } of batch) this.#pendingLength -= message.length
    this.#wakeReader?.()
    return batch
  }

  async #send(batch: readonly Entry[]): Promise<void> {
    let entries = batch
    for (let attempt = 0; entries.length > 0; attempt++) {
      const outcome = await this.#attempt(entries)
      entries = outcome.again
      if (entries.length === 0) {
        if (attempt > 0) this.#ports.tell('the node takes lines again')
        return
      }
      if (attempt === 0) this.#ports.tell(`${outcome.why}; trying again`)
      await this.#ports.wait(this.#delayMs(attempt, outcome.retryAfterMs), this.#stop)
      if (this.#stop.aborted) {
        this.#totals.unsent += entries.length + this.#pending.length
        this.#pending.length = 0
        return
      }
    }
  }

  /** Which of them are to be sent again, and why. */
  async #attempt(entries: readonly Entry[]): Promise<Outcome> {
    this.#totals.requests++
    const body = `[${entries.map(({ message }) => message).join(',')}]`
    let answer: unknown
    try {
      answer = await this.#ports.api.post('/v1/publish', body)
    } catch (error) {
      if (!(error instanceof ApiFailure) || FATAL.has(error.code)) throw error
      if (error.retryable) return { again: entries, why: error.message, retryAfterMs: error.retryAfterMs }
      return this.#divide(entries, error)
    }
    return this.#count(entries, answer)
  }

  /** Together they may be too much for a request; or one of them spoils it for the others. */
  async #divide(entries: readonly Entry[], refusal: ApiFailure): Promise<Outcome> {
    const middle = Math.ceil(entries.length / 2)
    if (entries.length > 1) {
      await this.#send(entries.slice(0, middle))
      await this.#send(entries.slice(middle))
    } else for (const { line } of entries) this.#refuse(line, refusal.message)
    return DONE
  }

  #count(entries: readonly Entry[], answer: unknown): Outcome {
    if (!Array.isArray(answer) || answer.length !== entries.length) {
      throw new ApiFailure('the node did not answer for each line: it is of another version', {
        code: 'internal',
        retryable: false,
        retryAfterMs: undefined,
      })
    }
    const again: Entry[] = []
    let why = ''
    for (const [index, entry] of entries.entries()) {
      const result: unknown = answer[index]
      const error = errorOf(result)
      if (error === undefined) {
        this.#totals.published++
        if ((result as { duplicate?: unknown } | null)?.duplicate === true) this.#totals.duplicates++
      } else if (PASSING.has(error.code)) {
        again.push(entry)
        why = `${error.code}: ${error.message}`
      } else this.#refuse(entry.line, `${error.code}: ${error.message}`)
    }
    return { again, why, retryAfterMs: undefined }
  }

  #refuse(line: number, why: string): void {
    this.#totals.refused++
    this.#ports.tell(`line ${line} is refused: ${why}`)
  }

  /** Exponential with full jitter; the node's own wish is the least. */
  #delayMs(attempt: number, retryAfterMs = 0): number {
    const most = Math.min(RETRY_FIRST_MS * 2 ** attempt, RETRY_MAX_MS)
    return Math.min(retryAfterMs, RETRY_AFTER_MAX_MS) + this.#ports.random() * most
  }
}

interface Outcome {
  readonly again: readonly Entry[]
  readonly why: string
  readonly retryAfterMs: number | undefined
}

const DONE: Outcome = { again: [], why: '', retryAfterMs: undefined }

export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}
