/**
 * Publishers over HTTP, over NATS and by a client's connection. Each message has an id and is repeated with it, at any door of its
 * kind, until somebody confirms it.
 */
import { headers, type NatsConnection } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { Random } from '../../fuzz/random.ts'
import { DURABLE, namespaceOf, type HistoryWriter } from '../history.ts'
import { API_KEY, API_PORT, NATS_PORT } from '../layout.ts'
import type { Payload, Place } from './client.ts'
import type { SdkLoadClient } from './sdk-client.ts'

/** Whoever is answered later repeats it, and is answered with the same place: a slow machine needs no longer. */
const TIMEOUT_MS = 6000
const RETRY_MS = 300
const CONNECT_MS = 2000
/** Before the ids are forgotten (`idempotency`, 2 min), by as much as a node may stand still with a request in its hands. */
const ABANDON_MS = 85_000
const UNDER_WAY_MAX = 1000
/** One confirmed message in so many is published again, with its id: it must be answered, and not be stored. */
const ASK_AGAIN_ONE_IN = 20

interface Answer extends Place {
  readonly duplicate?: boolean
  readonly degraded?: boolean
}

interface Door {
  readonly name: string
  readonly takes: (channel: string) => boolean
  readonly publish: (channel: string, data: Payload, id: string) => Promise<Answer>
}

export interface PublishersOptions {
  readonly gateways: readonly string[]
  readonly nats: readonly string[]
  readonly channels: readonly string[]
  readonly perSecond: number
  readonly seed: number
  readonly history: HistoryWriter
  readonly clients: readonly SdkLoadClient[]
}

export class Publishers {
  readonly #options: PublishersOptions
  readonly #random: Random
  readonly #doors: readonly Door[]
  #nats: NatsConnection | undefined
  #closed = false
  #timer: NodeJS.Timeout | undefined
  #number = 0
  underWay = 0

  constructor(options: PublishersOptions) {
    this.#options = options
    this.#random = new Random(options.seed)
    const http: Door = { name: 'http', takes: () => true, publish: (...args) => this.#overHttp(...args) }
    const nats: Door = { name: 'nats', takes: () => true, publish: (...args) => this.#overNats(...args) }
    const client: Door = {
      name: 'client',
      takes: (channel) => !channel.startsWith('@') && namespaceOf(channel) !== DURABLE,
      publish: (...args) => this.#byClient(...args),
    }
    this.#doors = [http, http, nats, nats, client]
    void this.#stayConnected()
  }

  /** The number of the last message. */
  get number(): number {
    return this.#number
  }

  start(): void {
    let owed = 0
    let lastMs = performance.now()
    this.#timer = setInterval(() => {
      const nowMs = performance.now()
      // What a standstill of this process owes is not made up for at once.
      owed = Math.min(owed + ((nowMs - lastMs) * this.#options.perSecond) / 1000, this.#options.perSecond)
      lastMs = nowMs
      for (; owed >= 1 && this.underWay < UNDER_WAY_MAX; owed--) {
        const channel = this.#random.pick(this.#options.channels)
        const doors = this.#doors.filter(({ takes }) => takes(channel))
        void this.#publish(channel, this.#random.pick(doors))
      }
    }, 10)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** One more message, and whether somebody has confirmed it in the end. */
  last(channel: string): { readonly message: number; readonly confirmed: Promise<boolean> } {
    const confirmed = this.#publish(channel, this.#doors[0] as Door)
    return { message: this.#number, confirmed }
  }

  async close(): Promise<void> {
    this.stop()
    this.#closed = true
    await this.#nats?.close()
  }

  async #publish(channel: string, door: Door): Promise<boolean> {
    const { history } = this.#options
    const message = ++this.#number
    const data = { n: message, to: channel }
    const id = `m${message}`
    this.underWay++
    history.write({ kind: 'sent', message, channel, door: door.name })
    const startedMs = performance.now()
    try {
      while (performance.now() - startedMs < ABANDON_MS) {
        if (await this.#tryOnce(door, channel, data, id)) {
          if (door.name !== 'client' && this.#random.oneIn(ASK_AGAIN_ONE_IN))
            await this.#tryOnce(this.#doors[0] as Door, channel, data, id)
          return true
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS * (0.5 + Math.random())))
      }
      history.write({ kind: 'abandoned', message })
      return false
    } finally {
      this.underWay--
    }
  }

  async #tryOnce(door: Door, channel: string, data: Payload, id: string): Promise<boolean> {
    const { history } = this.#options
    try {
      const { epoch, offset, duplicate = false, degraded = false } = await door.publish(channel, data, id)
      history.write({
        kind: 'confirmed',
        message: data.n,
        channel,
        door: door.name,
        epoch,
        offset,
        duplicate,
        degraded,
      })
      return true
    } catch (error) {
      const { name, message } = error as Error
      history.write({ kind: 'refused', message: data.n, door: door.name, why: `${name}: ${message}` })
      return false
    }
  }

  async #overHttp(channel: string, data: Payload, id: string): Promise<Answer> {
    const target = channel.startsWith('@') ? { user: channel.slice(1) } : { channel }
    const answer = await fetch(`http://${this.#random.pick(this.#options.gateways)}:${API_PORT}/v1/publish`, {
      method: 'POST',
      headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...target, data, id }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    return answerIn(await answer.text())
  }

  async #overNats(channel: string, data: Payload, id: string): Promise<Answer> {
    if (this.#nats === undefined) throw new Error('no connection to NATS')
    const head = headers()
    head.set('Nats-Msg-Id', id)
    const reply = await this.#nats.request(`sluice.publish.${channel}`, JSON.stringify(data), {
      timeout: TIMEOUT_MS,
      headers: head,
    })
    return answerIn(reply.string())
  }

  async #byClient(channel: string, data: Payload, id: string): Promise<Answer> {
    // The id is the user's, so repeats are his as well.
    const { clients } = this.#options
    const { sdk } = clients[data.n % clients.length] as SdkLoadClient
    const { position, duplicate } = await sdk.publish(channel, data, { id })
    if (position === undefined) throw new Error('published without a place')
    return { ...position, duplicate }
  }

  async #stayConnected(): Promise<void> {
    while (!this.#closed) {
      try {
        const servers = this.#options.nats.map((host) => `nats://${host}:${NATS_PORT}`)
        const options = {
          servers,
          maxReconnectAttempts: -1,
          reconnectTimeWait: RETRY_MS,
          timeout: CONNECT_MS,
        }
        this.#nats = await connect({ ...options, pingInterval: 3000, maxPingOut: 2 })
        await this.#nats.closed()
      } catch {
        // None of them answers now; the next attempt comes.
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
  }
}

function answerIn(text: string): Answer {
  const answer = JSON.parse(text) as Answer & { error?: { code: string; message: string } }
  if (answer.error !== undefined) throw new Error(`${answer.error.code}: ${answer.error.message}`)
  // oxlint-disable-next-line typescript/no-unnecessary-condition -- what came may be anything
  if (answer.epoch === undefined || answer.offset === undefined)
    throw new Error(`an answer without a place: ${text}`)
  return answer
}
