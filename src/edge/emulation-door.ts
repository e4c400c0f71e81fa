/**
 * The door for clients of a protocol of sockets that have requests only. Its body says who they are, so it is read before they are let
 * in: each counts as one of the newcomers for as long as it is on its way, of which there is a bound.
 */
import { refusalOf } from './link-door.ts'
import { answerPreflight, refuseMethod, type Allowed } from './methods.ts'
import type { Hello, Dialect } from '../dialect/dialect.ts'
import type { EmulationRequests, OpeningRequests } from '../dialect/emulation.ts'
import type { HttpExchange, ResponseHeaders } from '../drivers/uws.ts'
import { SluiceError } from '../errors.ts'
import type { Links } from '../transport/links.ts'
import type { Newcomers } from '../transport/newcomers.ts'
import type { Arrived } from '../transport/websocket-context.ts'

export interface EmulationDoorPorts {
  readonly links: Links
  readonly newcomers: Newcomers
  readonly bodyBytesMax: number
  cors(origin: string | undefined): ResponseHeaders
  /** Lets a new connection in, now or later; who is refused is answered. */
  admit(exchange: HttpExchange, spoken: EmulatedArrival, admitted: (arrived: Arrived) => void): void
}

export interface EmulatedArrival {
  readonly hello: Hello
  readonly dialect: Dialect
}

export class EmulationDoor {
  readonly #ports: EmulationDoorPorts
  readonly #requests: EmulationRequests
  readonly #path: string

  constructor(path: string, requests: EmulationRequests, ports: EmulationDoorPorts) {
    this.#path = path
    this.#requests = requests
    this.#ports = ports
  }

  bodyBytesMax(): number {
    return this.#ports.bodyBytesMax
  }

  /** Its origin was checked. */
  handle(exchange: HttpExchange): void {
    const { method, headers } = exchange.head
    const requests = this.#requests
    const cors = this.#ports.cors(headers.origin)
    const methods = requests.methods.join(', ')
    const allowed: Allowed = { all: `${methods}, OPTIONS`, methods, headers: 'Content-Type, X-Request-Id' }
    if (method === 'OPTIONS') answerPreflight(exchange, allowed, cors)
    else if (!(requests.methods as readonly string[]).includes(method))
      refuseMethod(exchange, allowed, methods, cors)
    else
      this.#collect(exchange, (body) => {
        if (requests.kind === 'opens') this.#open(exchange, requests, body, cors)
        else {
          const { credential, lines } = requests.read(exchange.head, body)
          void this.#bring(exchange, credential, lines, cors)
        }
      })
  }

  /** What `take` throws answers the request. */
  #collect(exchange: HttpExchange, take: (body: Buffer) => void): void {
    const { newcomers } = this.#ports
    const waiting = { due: (): void => exchange.cut() }
    newcomers.enter(waiting)?.due()
    exchange.onAborted(() => newcomers.leave(waiting))
    exchange.takeBody((body) => {
      newcomers.leave(waiting)
      if (body instanceof SluiceError) throw body
      take(body)
    })
  }

  #open(exchange: HttpExchange, requests: OpeningRequests, body: Buffer, headers: ResponseHeaders): void {
    const { links } = this.#ports
    const named = links.name()
    const opens = requests.read(exchange.head, body, named)
    const { dialect } = requests
    this.#ports.admit(exchange, { hello: opens.hello, dialect }, (arrived) => {
      if (exchange.done) return
      links.openEmulated({ exchange, headers, arrived }, opens, { dialect, path: this.#path, named })
    })
  }

  /** Nobody is told more than that it was taken: what comes of it is told on the answer that is open. */
  async #bring(exchange: HttpExchange, link: string, body: string, headers: ResponseHeaders): Promise<void> {
    try {
      const { links } = this.#ports
      // Made up, or of a cluster with another secret.
      if (!links.knows(link)) throw new SluiceError('not_found', 'there is no such session')
      const answer = await links.ask({ link, kind: 'brought', number: 0, body })
      const refused = refusalOf(answer)
      if (refused !== undefined) throw refused
      exchange.respond(204, headers)
    } catch (error) {
      exchange.fail(error)
    }
  }
}
