/** The long poll panel: fetch in a loop, with the cursor of the last answer. */
import type { Feed, Panel } from './panel.ts'

interface PollMessage {
  readonly channel: string
  readonly offset?: number
  readonly data: unknown
  readonly time: number
}

interface PollAnswer {
  readonly messages: readonly PollMessage[]
  readonly resets: readonly { readonly channel: string; readonly reason: string }[]
  readonly cursor: string
}

const RETRY_MS = 500

export class PollFeed implements Feed {
  readonly #panel: Panel
  readonly #token: () => Promise<string>
  #channel = ''
  #cursor: string | undefined
  #request: AbortController | undefined
  #offlineUntilMs = 0
  #resuming = false

  constructor(panel: Panel, token: () => Promise<string>) {
    this.#panel = panel
    this.#token = token
  }

  listen(channel: string): void {
    this.#channel = channel
    this.#cursor = undefined
    this.#request?.abort()
    const request = new AbortController()
    this.#request = request
    void this.#loop(request)
  }

  cut(ms: number): void {
    this.#panel.cut()
    this.#offlineUntilMs = Date.now() + ms
    this.#resuming = true
    this.#request?.abort()
    const request = new AbortController()
    this.#request = request
    setTimeout(() => void this.#loop(request), ms)
  }

  async #loop(request: AbortController): Promise<void> {
    while (!request.signal.aborted) {
      try {
        await this.#poll(request.signal)
      } catch {
        if (request.signal.aborted) return
        this.#panel.state('waiting', 'warn')
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
  }

  async #poll(signal: AbortSignal): Promise<void> {
    // Without a cursor the first answer comes at once: a position is held as early as possible.
    const wait = this.#cursor === undefined ? '0' : '25'
    const query = new URLSearchParams({ channels: this.#channel, wait })
    if (this.#cursor !== undefined) query.set('cursor', this.#cursor)
    const headers = { authorization: `Bearer ${await this.#token()}` }
    const askedMs = Date.now()
    const response = await fetch(`/v1/poll?${query}`, { headers, signal })
    if (!response.ok) throw new Error(`the poll was answered with ${response.status}`)
    const answer = (await response.json()) as PollAnswer
    if (signal.aborted || Date.now() < this.#offlineUntilMs) return
    this.#panel.state('connected', 'good')
    if (this.#resuming) {
      this.#resuming = false
      this.#panel.resumed(askedMs)
    }
    this.#cursor = answer.cursor
    this.#panel.position(answer.cursor)
    for (const { channel, reason } of answer.resets) {
      this.#panel.reset(channel, reason)
    }
    for (const { channel, offset, data, time } of answer.messages) {
      if (channel === this.#channel) this.#panel.message({ offset, data, time })
    }
  }
}
