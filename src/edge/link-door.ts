/**
 * The door for clients over HTTP on the public listener: what each request must pass, and which link it is about.
 *
 *   GET  /v1/link              opens a link: an event stream of frames
 *   GET  /v1/link?poll         opens a link that polls
 *   GET  /v1/link?poll=7       what came after the answer with that number
 *   POST /v1/link?number=3     frames of the client
 *   POST /v1/link?close        it is over
 */
import { answerPreflight, type Allowed } from './methods.ts'
import type { LinkAnswer, LinkRequest } from '../cluster/link-relay.ts'
import type { HttpExchange, RequestHead, ResponseHeaders } from '../drivers/uws.ts'
import { SluiceError } from '../errors.ts'
import { LINK_HEADER } from '../protocol/link.ts'
import type { Links } from '../transport/links.ts'
import type { Arrived } from '../transport/websocket-context.ts'

const ALLOWED: Allowed = {
  all: 'GET, POST, OPTIONS',
  methods: 'GET, POST',
  headers: 'Authorization, Content-Type, Sluice-Link, X-Request-Id',
}
/** What a frame of the largest size takes as base64, with what stands around it. */
const BODY_OVER_BYTES = 16_384
const TEXT = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }

export interface LinkDoorPorts {
  /** Of the route. */
  readonly path: string
  readonly links: Links
  readonly frameBytesMax: number
  cors(origin: string | undefined): ResponseHeaders
  /** Lets a new connection in, now or later; who is refused is answered. */
  admit(exchange: HttpExchange, admitted: (arrived: Arrived) => void): void
}

export class LinkDoor {
  readonly #ports: LinkDoorPorts

  constructor(ports: LinkDoorPorts) {
    this.#ports = ports
  }

  /** Nobody makes the node hold more than a head who has not been let in. */
  bodyBytesMax({ headers }: RequestHead): number {
    if (!this.#ports.links.knows(headers[LINK_HEADER] ?? '')) return 0
    return Math.ceil(this.#ports.frameBytesMax * (4 / 3)) + BODY_OVER_BYTES
  }

  /** Its origin was checked. */
  handle(exchange: HttpExchange): void | Promise<void> {
    const { method, query, headers } = exchange.head
    const cors = this.#ports.cors(headers.origin)
    if (method === 'OPTIONS') {
      answerPreflight(exchange, ALLOWED, cors)
      return undefined
    }
    if (method !== 'GET' && method !== 'POST')
      throw new SluiceError('bad_request', `${this.#ports.path} takes ${ALLOWED.all}, not ${method}`)
    const asked = new URLSearchParams(query)
    const link = headers[LINK_HEADER]
    if (link === undefined) {
      if (method === 'POST') throw new SluiceError('bad_request', `the header ${LINK_HEADER} is missing`)
      return this.#open(exchange, asked.has('poll'), cors)
    }
    // Made up, or of a cluster with another secret.
    if (!this.#ports.links.knows(link)) throw new SluiceError('not_found', 'there is no such link')
    if (method === 'GET')
      return this.#answer(exchange, { link, kind: 'poll', number: numberIn(asked, 'poll'), body: '' })
    if (asked.has('close')) return this.#answer(exchange, { link, kind: 'close', number: 0, body: '' })
    return this.#frames(exchange, link, numberIn(asked, 'number'))
  }

  #open(exchange: HttpExchange, poll: boolean, cors: ResponseHeaders): void {
    this.#ports.admit(exchange, (arrived) => {
      if (exchange.done) return
      const { links } = this.#ports
      if (poll) links.openPoll({ exchange, arrived, headers: { ...TEXT, ...cors } })
      else links.openStream({ exchange, arrived, headers: cors })
    })
  }

  async #frames(exchange: HttpExchange, link: string, number: number): Promise<void> {
    const body = await exchange.body()
    await this.#answer(exchange, { link, kind: 'frames', number, body: body.toString('utf8') })
  }

  async #answer(exchange: HttpExchange, request: LinkRequest): Promise<void> {
    const answer = await this.#ports.links.ask(request)
    const refused = refusalOf(answer)
    if (refused !== undefined) throw refused
    const headers = { ...TEXT, ...this.#ports.cors(exchange.head.headers.origin) }
    exchange.respond(answer.status, headers, answer.body)
  }
}

/** `undefined`: it is none. */
export function refusalOf({ status, body }: LinkAnswer): SluiceError | undefined {
  switch (status) {
    case 200:
    case 204:
      return undefined
    case 400:
      return new SluiceError('bad_request', body)
    case 404:
      return new SluiceError('not_found', body)
    case 413:
      return new SluiceError('limit_exceeded', body)
    case 503:
      return new SluiceError('unavailable', body)
  }
}

function numberIn(asked: URLSearchParams, name: string): number {
  const text = asked.get(name) ?? ''
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new SluiceError('bad_request', `${name} is the number of a request or an answer of the link`)
}
