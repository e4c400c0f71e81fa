/**
 * Two backends that publish, one over HTTP through a balancer and connections that it keeps, one over NATS. Each publishes until it
 * is accepted, with the same id, and counts what it had to do for that.
 */
import { Agent, request } from 'node:http'
import type { Published } from './herd-terms.ts'
import { NatsLink } from '../../../src/drivers/nats.ts'

export interface PublisherOptions {
  readonly natsUrl: string
  /** Of the balancer in front of the second listeners. */
  readonly apiPort: number
  readonly apiKey: string
  readonly channels: readonly string[]
  /** Users are `user-0` and so on: every tenth message is for one of them. */
  readonly users: number
  /** Of both together. */
  readonly perSecond: number
}

export interface DoorCounts {
  accepted: number
  /** Answered, and not with a position. */
  refused: number
  /** Not answered, or the connection was cut. */
  unanswered: number
  /** Published once more with the same id, for either reason. */
  repeated: number
  /** How often it was unanswered for what, and after how many seconds at most. */
  readonly why: Record<string, { count: number; afterS: number }>
}

type Door = 'http' | 'nats'

interface Accepted {
  readonly epoch: string
  readonly offset: number
}

const INBOX_EVERY = 10
const ANSWER_MS = 5000
/** As `@sluice/client` does: a random time that doubles. */
const REPEAT_AFTER_MS = 200
const REPEAT_AFTER_MAX_MS = 5000
const CONNECTIONS = 8

export class Publishers {
  readonly counts: Readonly<Record<Door, DoorCounts>> = { http: noCounts(), nats: noCounts() }
  readonly #options: PublisherOptions
  readonly #nats: NatsLink
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  readonly #published = new Map<string, [number, string, number][]>()
  readonly #underWay = new Set<Promise<void>>()
  #number = 0
  readonly #turns = { running: true }

  private constructor(options: PublisherOptions) {
    this.#options = options
    this.#nats = new NatsLink({ urls: [options.natsUrl], name: 'backend' })
    this.#nats.start()
  }

  static async start(options: PublisherOptions): Promise<Publishers> {
    const publishers = new Publishers(options)
    await publishers.#nats.flush()
    for (const door of ['http', 'nats'] as const) publishers.#watched(publishers.#publishAll(door))
    return publishers
  }

  get accepted(): number {
    return this.counts.http.accepted + this.counts.nats.accepted
  }

  /** For whoever counts what clients were shown. */
  get published(): Published {
    return Object.fromEntries(this.#published)
  }

  /** Resolves when everything that was published has been accepted. */
  async stop(): Promise<void> {
    this.#turns.running = false
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  async close(): Promise<void> {
    this.#turns.running = false
    this.#agent.destroy()
    await this.#nats.close()
  }

  #watched(work: Promise<void>): void {
    const one = work.finally(() => this.#underWay.delete(one))
    this.#underWay.add(one)
  }

  async #publishAll(door: Door): Promise<void> {
    const { channels, users, perSecond } = this.#options
    const startedMs = performance.now()
    for (let turn = 0; this.#turns.running; turn++) {
      const channel =
        turn % INBOX_EVERY === 0
          ? `@user-${Math.floor(Math.random() * users)}`
          : (channels[turn % channels.length] as string)
      this.#watched(this.#publish(door, channel, ++this.#number))
      const aheadMs = (turn * 2000) / perSecond - (performance.now() - startedMs)
      if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, aheadMs))
    }
  }

  async #publish(door: Door, channel: string, number: number): Promise<void> {
    const counts = this.counts[door]
    for (let attempt = 0; ; attempt++) {
      const answer = await (door === 'http'
        ? this.#overHttp(channel, number)
        : this.#overNats(channel, number))
      if (typeof answer === 'object') {
        counts.accepted++
        const list = this.#published.get(channel)
        const entry: [number, string, number] = [number, answer.epoch, answer.offset]
        if (list === undefined) this.#published.set(channel, [entry])
        else list.push(entry)
        return
      }
      counts[answer]++
      counts.repeated++
      const mostMs = Math.min(REPEAT_AFTER_MS * 2 ** attempt, REPEAT_AFTER_MAX_MS)
      await new Promise((resolve) => setTimeout(resolve, Math.random() * mostMs))
    }
  }

  #overHttp(channel: string, number: number): Promise<Accepted | 'refused' | 'unanswered'> {
    const { apiPort, apiKey } = this.#options
    const target = channel.startsWith('@') ? { user: channel.slice(1) } : { channel }
    const body = JSON.stringify({ ...target, data: number, id: `n${number}` })
    const startedMs = performance.now()
    return new Promise((resolve) => {
      const asked = request(
        {
          agent: this.#agent,
          port: apiPort,
          host: '127.0.0.1',
          method: 'POST',
          path: '/v1/publish',
          timeout: ANSWER_MS,
          headers: { authorization: `Bearer ${apiKey}`, 'content-length': Buffer.byteLength(body) },
        },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => (text += chunk))
          response.on('error', () => resolve('unanswered'))
          response.on('end', () => resolve(this.#read(this.counts.http, text, startedMs)))
        },
      )
      asked.on('timeout', () => asked.destroy(new Error('timeout')))
      asked.on('error', (error: NodeJS.ErrnoException) => {
        note(this.counts.http, error.code ?? error.message, startedMs)
        resolve('unanswered')
      })
      asked.end(body)
    })
  }

  async #overNats(channel: string, number: number): Promise<Accepted | 'refused' | 'unanswered'> {
    const startedMs = performance.now()
    let answer
    try {
      answer = await this.#nats.request(`sluice.publish.${channel}`, Buffer.from(String(number)), ANSWER_MS, {
        'Nats-Msg-Id': `n${number}`,
      })
    } catch {
      // Nobody is there, or nobody answers: which of them does not matter to a publisher.
      return 'unanswered'
    }
    return this.#read(this.counts.nats, answer.data.toString(), startedMs)
  }

  /** Why it is refused is counted as it is said. */
  #read(counts: DoorCounts, text: string, startedMs: number): Accepted | 'refused' {
    const { epoch, offset, error } = JSON.parse(text) as Partial<Accepted> & {
      readonly error?: { readonly message: string }
    }
    if (epoch !== undefined && offset !== undefined) return { epoch, offset }
    note(counts, error?.message ?? text, startedMs)
    return 'refused'
  }
}

function note({ why }: DoorCounts, name: string, startedMs: number): void {
  const one = (why[name] ??= { count: 0, afterS: 0 })
  one.count++
  one.afterS = Math.max(one.afterS, (performance.now() - startedMs) / 1000)
}

function noCounts(): DoorCounts {
  return { accepted: 0, refused: 0, unanswered: 0, repeated: 0, why: {} }
}
