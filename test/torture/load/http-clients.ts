/** Clients over HTTP: a stream by the package `eventsource`, which knows nothing of us, and polls. */
import { EventSource } from 'eventsource'
import type { MessageFrame, ResetFrame, WelcomeFrame } from '../../../src/dialect/sluice-v1/frames.ts'
import { patientMs } from '../../support/patience.ts'
import { Diary, type ClientOptions, type LoadClient } from './client.ts'

const POLL_SECONDS = 5
const POLL_MS = patientMs(15_000)
const AGAIN_MS = 300

function streamUrl({ port, channels, token }: ClientOptions): string {
  return `http://127.0.0.1:${port}/v1/sse?channels=${channels.join(',')}&token=${token}`
}

export function streamClient(options: ClientOptions): LoadClient {
  const diary = new Diary(options)
  const source = new EventSource(streamUrl(options))
  // The first welcome says where everything starts; what is told later is proved by what is shown.
  source.addEventListener('welcome', ({ data }) => startsAll(diary, data as string))
  source.addEventListener('message', ({ data }) => {
    const { channel, data: payload, offset } = JSON.parse(data as string) as MessageFrame
    diary.shown(channel, payload, offset as number)
  })
  source.addEventListener('reset', ({ data }) => {
    const reset = JSON.parse(data as string) as ResetFrame
    diary.reset(reset.channel, reset)
  })
  source.addEventListener('closing', ({ data }) => diary.trouble(`closing: ${String(data)}`))
  source.addEventListener('error', (event) => {
    if (source.readyState === source.CLOSED) diary.final(`the stream gave up: ${event.code} ${event.message}`)
  })
  return { options, ready: diary.ready, close: () => source.close() }
}

function startsAll(diary: Diary, welcome: string): void {
  for (const [channel, at] of Object.entries((JSON.parse(welcome) as WelcomeFrame).channels)) {
    if (!('error' in at)) diary.starts(channel, at)
  }
}

interface PollAnswer {
  readonly messages: readonly MessageFrame[]
  readonly resets: readonly ResetFrame[]
  readonly cursor: string
}

export function pollClient(options: ClientOptions): LoadClient {
  const client = new PollClient(options)
  void client.run()
  return client
}

class PollClient implements LoadClient {
  readonly options: ClientOptions
  readonly ready: Promise<unknown>
  readonly #diary: Diary
  readonly #aborts = new AbortController()
  #cursor: string | undefined

  constructor(options: ClientOptions) {
    this.options = options
    this.#diary = new Diary(options)
    this.ready = this.#diary.ready
  }

  /** A cursor says nothing to a client, so where it starts is asked of a stream, whose cursor it goes on with. */
  async run(): Promise<void> {
    const source = new EventSource(streamUrl(this.options))
    source.addEventListener('welcome', (event) => {
      source.close()
      this.#cursor = event.lastEventId
      startsAll(this.#diary, event.data as string)
    })
    await this.ready
    while (!this.#aborts.signal.aborted) await this.#poll()
  }

  close(): void {
    this.#aborts.abort()
  }

  async #poll(): Promise<void> {
    const { port, channels, token } = this.options
    const asks = `channels=${channels.join(',')}&wait=${POLL_SECONDS}&cursor=${encodeURIComponent(this.#cursor ?? '')}`
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/v1/poll?${asks}`, {
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.any([this.#aborts.signal, AbortSignal.timeout(POLL_MS)]),
      })
      const text = await answer.text()
      if (answer.status === 200) this.#take(JSON.parse(text) as PollAnswer)
      else if (answer.status === 503 || answer.status === 429) await this.#later(`answered ${answer.status}`)
      else {
        this.#diary.final(`a poll was answered with ${answer.status}: ${text}`)
        this.close()
      }
    } catch (error) {
      // Cut, or without an answer in time: the same cursor is asked again.
      await this.#later((error as Error).name)
    }
  }

  #take({ messages, resets, cursor }: PollAnswer): void {
    this.#cursor = cursor
    const resetTo = new Map(resets.map(({ channel, offset }) => [channel, offset]))
    for (const reset of resets) this.#diary.reset(reset.channel, reset)
    for (const { channel, data, offset = 0 } of messages) {
      if (offset > (resetTo.get(channel) ?? -1)) this.#diary.shown(channel, data, offset)
    }
  }

  async #later(why: string): Promise<void> {
    this.#diary.trouble(why)
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS * (1 + Math.random())))
  }
}
