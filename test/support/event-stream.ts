/** An SSE stream read by hand, so that a test sees each line of each event. */

export interface StreamEvent {
  readonly event: string
  readonly data: Readonly<Record<string, unknown>>
  readonly id: string | undefined
}

export class EventStream {
  readonly response: Response
  readonly #aborts: AbortController
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #events: StreamEvent[] = []
  readonly comments: string[] = []
  #retryMs: number | undefined
  #text = ''
  #ended = false

  private constructor(response: Response, aborts: AbortController) {
    this.response = response
    this.#aborts = aborts
    this.#reader = (response.body as ReadableStream<Uint8Array>).getReader()
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<EventStream> {
    const aborts = new AbortController()
    const response = await fetch(url, {
      headers: { accept: 'text/event-stream', ...headers },
      signal: aborts.signal,
    })
    return new EventStream(response, aborts)
  }

  get retryMs(): number | undefined {
    return this.#retryMs
  }

  /** The next event, in order; its name must be the given one. */
  async next(event: string): Promise<StreamEvent> {
    while (this.#events.length === 0) {
      if (!(await this.#read())) throw new Error(`the stream ended while waiting for ${event}`)
    }
    const next = this.#events.shift() as StreamEvent
    if (next.event !== event) throw new Error(`expected ${event}, got ${JSON.stringify(next)}`)
    return next
  }

  /** Reads on until the stream ends; the events that were not taken. */
  async rest(): Promise<readonly StreamEvent[]> {
    while (await this.#read());
    return this.#events
  }

  close(): void {
    this.#aborts.abort()
  }

  async #read(): Promise<boolean> {
    if (this.#ended) return false
    const { done, value } = await this.#reader.read()
    if (done) {
      this.#ended = true
      return false
    }
    this.#text += Buffer.from(value).toString()
    for (let end = this.#text.indexOf('\n\n'); end !== -1; end = this.#text.indexOf('\n\n')) {
      this.#take(this.#text.slice(0, end))
      this.#text = this.#text.slice(end + 2)
    }
    return true
  }

  #take(block: string): void {
    const fields = new Map<string, string>()
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':')
      if (colon === 0) this.comments.push(line)
      else fields.set(line.slice(0, colon), line.slice(colon + 1).trimStart())
    }
    const retry = fields.get('retry')
    if (retry !== undefined) this.#retryMs = Number(retry)
    const data = fields.get('data')
    if (data === undefined) return
    const parsed = JSON.parse(data) as Readonly<Record<string, unknown>>
    this.#events.push({ event: fields.get('event') ?? 'message', data: parsed, id: fields.get('id') })
  }
}
