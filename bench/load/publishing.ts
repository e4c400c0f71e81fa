/** The publisher: keeps so many messages on their way, and the next one follows when everybody has an earlier one. */
import type { Clients } from './clients.ts'
import { userName } from './clients.ts'
import { HttpPool, type Answer } from './http.ts'
import { payload, type PayloadKind } from './payload.ts'
import { atRate, type RateOptions, type RateReport } from './rate.ts'
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

  /** To everybody, whether or not anybody keeps up. */
  async publishAtRate(options: RateOptions): Promise<RateReport> {
    const first = this.#nextNumber
    this.#nextNumber += options.messages
    const send = await this.#openDoor({ door: 'websocket', audience: 'everyone' })
    return atRate(options, this.#clients, first, (index, due) => send(first + index, due, () => undefined))
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
