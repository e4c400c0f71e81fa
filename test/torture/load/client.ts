/** What all clients of a run have in common: they write down what they are shown, under the names that the checker knows. */
import type { HistoryWriter, Transport } from '../history.ts'

export interface ClientOptions {
  readonly name: string
  readonly user: string
  readonly token: string
  readonly transport: Transport
  /** Without the inbox, which comes by itself. */
  readonly channels: readonly string[]
  /** Of the balancer on loopback. */
  readonly port: number
  readonly history: HistoryWriter
  /** Called for each message and reset, after it is written down. */
  readonly heard: (client: string, channel: string, message: number | 'reset') => void
}

export interface LoadClient {
  readonly options: ClientOptions
  /** Has a place on each of its channels. */
  readonly ready: Promise<unknown>
  close(): void
}

/** What publishers of a run send. */
export interface Payload {
  readonly n: number
  readonly to: string
}

export interface Place {
  readonly epoch: string
  readonly offset: number
}

const INBOX = '@inbox'

/** Writes down what one client is shown. */
export class Diary {
  readonly #options: ClientOptions
  readonly #started = new Set<string>()
  readonly #ready: () => void
  readonly ready: Promise<void>

  constructor(options: ClientOptions) {
    this.#options = options
    let markReady = (): void => {}
    this.ready = new Promise((resolve) => (markReady = resolve))
    this.#ready = markReady
    const { name, user, transport, channels, history } = options
    const all = [...channels, `@${user}`]
    history.write({ kind: 'client', client: name, user, transport, channels: all })
  }

  /** Only the first counts: from there on everything must come. */
  starts(channel: string, at: Place | { readonly epoch?: string; readonly offset?: number }): void {
    const name = this.#nameOf(channel)
    if (this.#started.has(name) || at.epoch === undefined || at.offset === undefined) return
    this.#started.add(name)
    const { name: client, history, channels } = this.#options
    history.write({ kind: 'start', client, channel: name, epoch: at.epoch, offset: at.offset })
    if (this.#started.size === channels.length + 1) this.#ready()
  }

  shown(channel: string, data: unknown, offset: number, epoch?: string): void {
    const { name: client, history, heard } = this.#options
    const name = this.#nameOf(channel)
    const { n, to } = data as Payload
    const said = epoch === undefined ? {} : { epoch }
    history.write({ kind: 'shown', client, channel: name, offset, ...said, message: n, to })
    heard(client, name, n)
  }

  reset(channel: string, { epoch, offset, reason }: Place & { readonly reason: string }): void {
    const { name: client, history, heard } = this.#options
    const name = this.#nameOf(channel)
    history.write({ kind: 'reset', client, channel: name, epoch, offset, reason })
    heard(client, name, 'reset')
  }

  trouble(what: string): void {
    this.#options.history.write({ kind: 'trouble', client: this.#options.name, what })
  }

  final(what: string): void {
    this.#options.history.write({ kind: 'final', client: this.#options.name, what })
  }

  #nameOf(channel: string): string {
    return channel === INBOX ? `@${this.#options.user}` : channel
  }
}
