/**
 * A stream of events that comes back by itself. `EventSource` cannot send a key in a header, so the stream is read with `fetch`.
 */
import { Failure, request } from './access.ts'

export type LiveState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  /** Nothing is heard; it tries again. */
  | { readonly kind: 'away'; readonly since: number; readonly why: string }
  /** The node has refused it, and will again. */
  | { readonly kind: 'refused'; readonly status: number; readonly why: string }

export interface LiveOptions {
  readonly key: string
  readonly path: string
  event(name: string, data: unknown): void
  state(state: LiveState): void
}

/** The node writes something every 10 s at least. */
const SILENCE_MAX_MS = 40_000
const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 8000

export class Live {
  readonly #options: LiveOptions
  #aborts = new AbortController()
  #closed = false
  #attempts = 0
  #live = false
  #awaySince: number | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: LiveOptions) {
    this.#options = options
    options.state({ kind: 'connecting' })
    void this.#run()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#aborts.abort()
  }

  async #run(): Promise<void> {
    try {
      this.#aborts = new AbortController()
      const { key, path } = this.#options
      const { signal } = this.#aborts
      const answer = await request(key, path, { signal })
      await this.#read(answer)
      this.#again('the node has ended the stream')
    } catch (error) {
      if (this.#closed) return
      const failure = error instanceof Failure ? error : new Failure(0, 'the connection was cut')
      if (failure.status === 401 || failure.status === 403 || failure.status === 400)
        this.#options.state({ kind: 'refused', status: failure.status, why: failure.message })
      else this.#again(failure.message)
    }
  }

  async #read(answer: Response): Promise<void> {
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
    const decoder = new TextDecoder()
    let text = ''
    for (;;) {
      this.#expect()
      const { done, value } = await reader.read()
      if (done || this.#closed) return
      text += decoder.decode(value, { stream: true })
      const events = text.split('\n\n')
      text = events.pop() ?? ''
      for (const event of events) this.#take(event)
    }
  }

  #expect(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#aborts.abort(), SILENCE_MAX_MS)
  }

  #take(event: string): void {
    // As an event without a name is called.
    let name = 'message'
    let data = ''
    for (const line of event.split('\n')) {
      if (line.startsWith('event: ')) name = line.slice('event: '.length)
      if (line.startsWith('data: ')) data = line.slice('data: '.length)
    }
    // A comment: it lives.
    if (data === '') return
    this.#attempts = 0
    this.#awaySince = undefined
    if (!this.#live) {
      this.#live = true
      this.#options.state({ kind: 'live' })
    }
    this.#options.event(name, JSON.parse(data))
  }

  #again(why: string): void {
    clearTimeout(this.#timer)
    if (this.#closed) return
    this.#live = false
    this.#awaySince ??= Date.now()
    this.#options.state({ kind: 'away', since: this.#awaySince, why })
    const ms = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** this.#attempts++)
    this.#timer = setTimeout(() => void this.#run(), ms * (0.5 + Math.random() / 2))
  }
}
