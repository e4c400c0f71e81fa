/** The SSE panel: the browser's own EventSource, no library. */
import type { Feed, Panel } from './panel.ts'

interface MessageData {
  readonly channel: string
  readonly offset?: number
  readonly data: unknown
  readonly time: number
}

const RETRY_MS = 2000

/** `undefined`: nobody answers, or the stream is there. */
async function reasonFrom(url: string): Promise<string | undefined> {
  const stop = new AbortController()
  try {
    const response = await fetch(url, { signal: stop.signal })
    if (response.ok) return undefined
    const answer = (await response.json()) as { readonly error?: { readonly message: string } }
    return answer.error?.message ?? `with status ${response.status}`
  } catch {
    return undefined
  } finally {
    stop.abort()
  }
}

export class SseFeed implements Feed {
  readonly #panel: Panel
  readonly #token: () => Promise<string>
  #channel = ''
  #source: EventSource | undefined
  /** What the browser would send as Last-Event-ID; kept here because a cut by the page ends its EventSource. */
  #cursor: string | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(panel: Panel, token: () => Promise<string>) {
    this.#panel = panel
    this.#token = token
  }

  listen(channel: string): void {
    this.#channel = channel
    this.#cursor = undefined
    clearTimeout(this.#timer)
    void this.#open()
  }

  cut(ms: number): void {
    this.#panel.cut()
    this.#source?.close()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#open(), ms)
  }

  async #open(): Promise<void> {
    this.#source?.close()
    try {
      await this.#connect()
    } catch (error) {
      // The page says why there is no token, or that the gateway is away.
      this.#panel.state('waiting', 'warn')
      if (!(error instanceof TypeError))
        this.#panel.note(error instanceof Error ? error.message : String(error))
      this.#again()
    }
  }

  async #connect(): Promise<void> {
    const query = new URLSearchParams({ channels: this.#channel, token: await this.#token() })
    if (this.#cursor !== undefined) query.set('cursor', this.#cursor)
    const source = new EventSource(`/v1/sse?${query}`)
    this.#source = source
    source.addEventListener('welcome', ({ lastEventId }) => {
      // The browser comes back by itself too, on the same EventSource.
      if (this.#cursor !== undefined) this.#panel.resumed()
      this.#at(lastEventId)
      this.#panel.state('connected', 'good')
    })
    source.addEventListener('message', ({ data, lastEventId }) => {
      const { channel, offset, data: shown, time } = JSON.parse(data as string) as MessageData
      this.#at(lastEventId)
      if (channel === this.#channel) this.#panel.message({ offset, data: shown, time })
    })
    source.addEventListener('reset', ({ data, lastEventId }) => {
      this.#at(lastEventId)
      const { channel, reason } = JSON.parse(data as string) as { channel: string; reason: string }
      this.#panel.reset(channel, reason)
    })
    // Nothing can be sent on a stream, so the fresh token goes with the next one, which continues where this one was.
    source.addEventListener('reauth', () => void this.#open())
    source.addEventListener('error', () => {
      this.#panel.state('waiting', 'warn')
      // The browser comes back by itself, unless it was refused: then it says neither why nor when.
      if (source.readyState === EventSource.CLOSED && source === this.#source) void this.#refused(source.url)
    })
  }

  /** What an EventSource cannot tell: the answer. Then again, with a fresh token. */
  async #refused(url: string): Promise<void> {
    const why = await reasonFrom(url)
    if (why !== undefined) this.#panel.note(`the stream was refused: ${why}; trying again`)
    this.#again()
  }

  #again(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#open(), RETRY_MS)
  }

  #at(cursor: string): void {
    this.#cursor = cursor
    this.#panel.position(cursor)
  }
}
