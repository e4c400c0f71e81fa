/** The publisher: keeps so many messages on their way, and the next one follows when everybody has an earlier one. */
import type { Clients } from './clients.ts'
import { userName } from './clients.ts'
import { HttpPool, type Answer } from './http.ts'
import { payload, type PayloadKind } from './payload.ts'
import { Tally, type Audience } from './tally.ts'
import { mintToken } from './tokens.ts'
import type { RawWebSocket } from './websocket.ts'
import { API_KEY, ROOM, type PeerName, type Ports } from '../peers/terms.ts'

export interface PublishOptions {
  readonly door: 'websocket' | 'http'
  readonly audience: Audience
  readonly messages: number
  /** Published and not yet with everybody. */
  readonly inFlight: number
  /** Default: `text`. */
  readonly kind?: PayloadKind
}

export interface PublishReport {
  readonly deliveries: number
  readonly elapsedMs: number
  /** Near `elapsedMs`: the load, not the server, decided how long it took. */
  readonly loadCpuMs: number
}

export interface RateOptions {
  readonly messages: number
  /** Absent: all at the same moment. */
  readonly perSecond?: number
}

export interface RateReport {
  readonly latenciesMicros: Readonly<Record<Quantile, number>>
  /** Until the last delivery: less than was asked for where the server, or the load, did not keep up. */
  readonly perSecond: number
}

const QUANTILES = { p50: 0.5, p99: 0.99, 'p99.9': 0.999 } as const
export type Quantile = keyof typeof QUANTILES

/** Exact, of all of them. */
function quantilesOf(latenciesMs: Float64Array): Record<Quantile, number> {
  latenciesMs.sort()
  const at = (share: number): number =>
    (latenciesMs[Math.min(Math.floor(share * latenciesMs.length), latenciesMs.length - 1)] as number) * 1000
  return { p50: at(QUANTILES.p50), p99: at(QUANTILES.p99), 'p99.9': at(QUANTILES['p99.9']) }
}

/** More than may be in flight, so that no publish waits for a connection. */
const HTTP_CONNECTIONS = 32
/** A publisher's connection is none of the subscribers. */
const PUBLISHER = -1

export class Publishing {
  readonly #peer: PeerName
  readonly #ports: Ports
  readonly #clients: Clients
  #webSocket: RawWebSocket | undefined
  #pool: HttpPool | undefined
  #poolFailed: ((problem: string) => void) | undefined
  #nextNumber = 1

  constructor(peer: PeerName, ports: Ports, clients: Clients) {
    this.#peer = peer
    this.#ports = ports
    this.#clients = clients
  }

  async publish(options: PublishOptions): Promise<PublishReport> {
    const { messages, inFlight, audience } = options
    const clients = this.#clients
    const first = this.#nextNumber
    this.#nextNumber += messages
    const send = await this.#openDoor(options)
    const cpuBefore = process.cpuUsage()
    const startedMs = performance.now()
    return new Promise((resolve, reject) => {
      const failed = (problem: string): void => reject(new Error(problem))
      clients.failed = failed
      this.#poolFailed = failed
      let published = 0
      let completed = 0
      let answered = 0
      let scheduled = false
      const pump = (): void => {
        scheduled = false
        const due = Math.min(inFlight - (published - completed), messages - published)
        if (due > 0) {
          send(first + published, due, (problem) => {
            if (problem !== undefined) failed(problem)
            answered++
            finish()
          })
          published += due
        }
      }
      const finish = (): void => {
        if (completed < messages || answered < messages) return
        const { user, system } = process.cpuUsage(cpuBefore)
        resolve({
          deliveries: tally.deliveries,
          elapsedMs: performance.now() - startedMs,
          loadCpuMs: (user + system) / 1000,
        })
      }
      const tally = new Tally(first, messages, {
        subscribers: clients.count,
        audience,
        failed,
        completed() {
          completed++
          finish()
          // What one read has completed is followed up together.
          if (scheduled) return
          scheduled = true
          queueMicrotask(pump)
        },
      })
      clients.received = (client, number) => tally.take(client, number)
      pump()
    })
  }

  /**
   * Publishes to everybody at a rate, whether or not anybody keeps up, and takes the time of each delivery from the moment at which its
   * message was to be sent: what waits because others are late counts, as it does for whoever publishes (no coordinated omission).
   */
  async publishAtRate({ messages, perSecond = Number.POSITIVE_INFINITY }: RateOptions): Promise<RateReport> {
    const clients = this.#clients
    const first = this.#nextNumber
    this.#nextNumber += messages
    const send = await this.#openDoor({ door: 'websocket', audience: 'everyone' })
    const latenciesMs = new Float64Array(messages * clients.count)
    return new Promise((resolve, reject) => {
      const failed = (problem: string): void => reject(new Error(problem))
      clients.failed = failed
      const startMs = performance.now()
      const dueMs = (index: number): number => startMs + (index * 1000) / perSecond
      const tally = new Tally(first, messages, {
        ...{ subscribers: clients.count, audience: 'everyone', failed },
        completed() {
          if (tally.deliveries < latenciesMs.length) return
          const elapsedMs = performance.now() - startMs
          resolve({ latenciesMicros: quantilesOf(latenciesMs), perSecond: (messages * 1000) / elapsedMs })
        },
      })
      clients.received = (client, number) => {
        latenciesMs[tally.deliveries] = performance.now() - dueMs(number - first)
        tally.take(client, number)
      }
      let published = 0
      // A turn of the loop after the other: a timer is late by a millisecond, which is more than most deliveries take.
      const pump = (): void => {
        const nowMs = performance.now()
        let due = 0
        while (published + due < messages && dueMs(published + due) <= nowMs) due++
        if (due > 0) send(first + published, due, () => undefined)
        published += due
        if (published < messages) setImmediate(pump)
      }
      pump()
    })
  }

  /** Sends so many messages from a number on; calls back for each when its answer is here, at once where no answer is waited for. */
  async #openDoor({
    door,
    audience,
    kind = 'text',
  }: Omit<PublishOptions, 'messages' | 'inFlight'>): Promise<Send> {
    this.#clients.expect(kind)
    const { dialect } = this.#clients
    if (door === 'websocket') {
      const user = 'publisher'
      this.#webSocket ??= await this.#clients.openWebSocket(PUBLISHER, user, mintToken(user))
      const socket = this.#webSocket
      return (first, count, answered) => {
        socket.cork(() => {
          for (let number = first; number < first + count; number++) {
            socket.send(dialect.publish(number, ROOM, payload(number, kind)))
            answered(undefined)
          }
        })
      }
    }
    this.#pool ??= new HttpPool(
      {
        port: this.#ports.apiPort,
        path: dialect.publishPath,
        connections: HTTP_CONNECTIONS,
        headers: this.#peer.startsWith('sluice') ? { 'x-api-key': API_KEY } : {},
      },
      (problem) => this.#poolFailed?.(problem),
    )
    const pool = this.#pool
    const subscribers = this.#clients.count
    return (first, count, answered) => {
      for (let number = first; number < first + count; number++) {
        const user = userName(number % subscribers)
        const done = (answer: Answer): void => answered(problemOf(answer))
        if (dialect.byPath !== undefined) {
          pool.post(
            payload(number, kind),
            done,
            dialect.byPath.publish(audience === 'everyone' ? ROOM : user),
          )
          continue
        }
        const target = audience === 'everyone' ? `"channel":"${ROOM}"` : `"user":"${user}"`
        pool.post(`{${target},"data":${payload(number, kind)}}`, done)
      }
    }
  }
}

type Send = (first: number, count: number, answered: (problem: string | undefined) => void) => void

function problemOf({ status, body }: Answer): string | undefined {
  return status >= 200 && status < 300 ? undefined : `a publish was answered with ${status}: ${body}`
}
