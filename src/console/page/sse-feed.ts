/** The SSE panel: the browser's own EventSource, no library. */
import type { Feed, Panel } from './panel.ts'

interface MessageData {
  readonly channel: string
  readonly offset?: number
  readonly data: unknown
  readonly time: number
}

export class SseFeed implements Feed {
  readonly #panel: Panel
  readonly #token: () => Promise<string>
  #channel = ''
  #source: EventSource | undefined
  /** What the browser would send as Last-Event-ID; kept here because a cut by the page ends its EventSource. */
  #cursor: string | undefined

  constructor(panel: Panel, token: () => Promise<string>) {
    this.#panel = panel
    this.#token = token
  }

  listen(channel: string): void {
    this.#channel = channel
    this.#cursor = undefined
    void this.#open()
  }

  cut(ms: number): void {
    this.#panel.count('cuts')
    this.#source?.close()
    this.#panel.state('cut', 'warn')
    setTimeout(() => void this.#open(), ms)
  }

  async #open(): Promise<void> {
    this.#source?.close()
    try {
      await this.#connect()
    } catch (error) {
      // The page says why there is no token.
      this.#panel.state('closed', 'bad')
      this.#panel.note(error instanceof Error ? error.message : String(error))
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
      this.#panel.count('resets')
      this.#panel.note(
        `reset (${(JSON.parse(data as string) as { reason: string }).reason}): refetch your state`,
      )
    })
    // Nothing can be sent on a stream, so the fresh token goes with the next one, which continues where this one was.
    source.addEventListener('reauth', () => void this.#open())
    source.addEventListener('error', () => {
      this.#panel.state(source.readyState === EventSource.CLOSED ? 'closed' : 'waiting', 'warn')
    })
  }

  #at(cursor: string): void {
    this.#cursor = cursor
    this.#panel.position(cursor)
  }
}
