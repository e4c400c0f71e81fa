/**
 * A WebSocket that is none: the frames of `sluice.v1` over HTTP (protocol/link.ts), where no WebSocket comes through. What is sent goes by
 * `POST`, one request after the other; what comes is read from a stream that stays open, or from answers to polls.
 */
import { LINK_HEADER } from '../protocol/link.ts'
import { withoutQuery, withQuery } from './address.ts'
import { base64Of, bytesOf } from './base64.ts'
import { CUT, type WebSocketConstructor, type WebSocketLike, type Wire } from './socket.ts'

/** What goes in one request, but for a single frame that is larger. */
const BODY_LENGTH_MAX = 32_768
/** A request that came to nothing is made again: the gateway knows by its number what it has taken. */
const TRIES_MAX = 4
const PAUSE_MS = 400

/** What a WebSocket calls its `readyState`, in this order. */
const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3

/** `fetch`: the platform's. */
export function httpSocket(mode: 'sse' | 'poll', fetch: typeof globalThis.fetch): WebSocketConstructor {
  return class extends HttpSocket {
    constructor(url: string) {
      super(url, mode, fetch)
    }
  }
}

/** What a request came to that was answered otherwise than it should: with this status. */
interface Refused extends Error {
  readonly status?: number
}

class HttpSocket implements WebSocketLike {
  declare binaryType: string
  declare onopen: WebSocketLike['onopen']
  declare onmessage: WebSocketLike['onmessage']
  declare onerror: WebSocketLike['onerror']
  declare onclose: WebSocketLike['onclose']
  readonly #fetch: typeof globalThis.fetch
  readonly #mode: 'sse' | 'poll'
  /** With what the client shows at the beginning; later requests have only their own query. */
  #url: string
  readonly #abort = new AbortController()
  #link: string | undefined
  #state: 0 | 1 | 2 | 3 = CONNECTING
  #lines: string[] = []
  #number = 0
  #sending: Promise<void> | undefined

  /** Throws where the address is none, as a WebSocket does. */
  constructor(url: string, mode: 'sse' | 'poll', fetch: typeof globalThis.fetch) {
    const { protocol } = new URL(url)
    if (!/^wss?:$/.test(protocol)) throw new SyntaxError(`${protocol} is not ws: or wss:`)
    this.#url = url.replace(/^ws/i, 'http').replace(/\/ws(?=\?|$)/, '/link')
    this.#mode = mode
    this.#fetch = fetch
    void this.#run()
  }

  send(data: Wire): void {
    if (this.#state !== OPEN) return
    this.#lines.push(typeof data === 'string' ? data : base64Of(data))
    this.#sending ??= this.#flush()
  }

  /** What was sent before it still goes. */
  close(): void {
    const wasOpen = this.#state === OPEN
    this.#state = wasOpen ? CLOSING : CLOSED
    if (!wasOpen) this.#abort.abort()
    else void this.#leave()
  }

  async #leave(): Promise<void> {
    try {
      await this.#sending
      await this.#request('POST', 'close')
    } catch {
      // It is over in any case: the gateway notices that nobody asks any more.
    }
    this.#state = CLOSED
    this.#abort.abort()
  }

  async #run(): Promise<void> {
    try {
      await (this.#mode === 'sse' ? this.#stream() : this.#poll())
      this.#end(CUT, 'the stream ended')
    } catch (error) {
      const { status = CUT, message } = error as Refused
      this.#end(status, message)
    }
  }

  async #stream(): Promise<void> {
    const { body } = await this.#request('GET', '')
    const reader = (body as ReadableStream<Uint8Array>).getReader()
    const decoder = new TextDecoder()
    let text = ''
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const lines = (text + decoder.decode(value, { stream: true })).split('\n')
      text = lines.pop() as string
      for (const line of lines) if (line.startsWith('data: ')) this.#take(line.slice(6))
    }
  }

  async #poll(): Promise<void> {
    let query = 'poll'
    while (this.#state !== CLOSED) {
      const [number, ...lines] = await this.#again(async () => {
        const response = await this.#request('GET', query)
        return (await response.text()).split('\n')
      })
      lines.forEach((line) => this.#take(line))
      query = `poll=${number}`
    }
  }

  #take(line: string): void {
    if (this.#state === CLOSED) return
    if (line[0] === '"') {
      this.#link = JSON.parse(line) as string
      this.#url = withoutQuery(this.#url)
      this.#state = OPEN
      this.onopen?.({} as never)
    } else if (line[0] === '[') this.#end(...(JSON.parse(line) as [number, string]))
    else {
      const data = line[0] === '{' ? line : bytesOf(line).buffer
      this.onmessage?.({ data } as never)
    }
  }

  async #flush(): Promise<void> {
    // What is sent in one go leaves in one request.
    await Promise.resolve()
    try {
      while (this.#lines[0] && this.#state !== CLOSED) {
        let body = this.#lines.shift() as string
        while (this.#lines[0] && body.length + this.#lines[0].length < BODY_LENGTH_MAX)
          body += `\n${this.#lines.shift()}`
        this.#number++
        await this.#again(() => this.#request('POST', `number=${this.#number}`, body))
      }
    } catch (error) {
      this.#end(CUT, (error as Error).message)
    }
    this.#sending = undefined
  }

  /** Until it works, a few times. */
  async #again<Value>(run: () => Promise<Value>): Promise<Value> {
    for (let tries = 1; ; tries++) {
      try {
        return await run()
      } catch (error) {
        const { status } = error as Refused
        const isFinal = (status as number) < 500 && status !== 429
        // Without a link there is nothing to go on with: the client has pauses of its own.
        if (tries === TRIES_MAX || !this.#link || this.#state === CLOSED || isFinal) throw error
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * tries))
      }
    }
  }

  async #request(method: string, query: string, body: string | null = null): Promise<Response> {
    // Called as a function of the page: as a method, browsers refuse it.
    const fetch = this.#fetch
    const response = await fetch(withQuery(this.#url, query), {
      method,
      body,
      headers: this.#link ? { [LINK_HEADER]: this.#link } : {},
      signal: this.#abort.signal,
      credentials: 'omit',
      // The last words of a page that goes.
      keepalive: this.#state === CLOSING,
    })
    if (response.ok) return response
    const said = (await response.json().catch(() => undefined)) as
      | {
          readonly error?: { readonly message?: string }
        }
      | undefined
    const { status } = response
    throw Object.assign(new Error(said?.error?.message ?? `HTTP ${status}`), { status })
  }

  #end(code: number, reason: string): void {
    const wasOver = this.#state >= CLOSING
    this.#state = CLOSED
    this.#abort.abort()
    if (!wasOver) this.onclose?.({ code, reason } as never)
  }
}
