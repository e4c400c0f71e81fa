/**
 * The links that this node holds, and what their clients send, wherever it has come in.
 *
 * A link is named by its credential: the node that holds it, a number that cannot be guessed, and a seal. The seal lets every node refuse
 * what was made up before it costs anything, above all a question to another node.
 */
import { randomBytes } from 'node:crypto'
import { EmulatedSocket } from './emulated-socket.ts'
import { framesIn, LinkLines } from './link-lines.ts'
import { LinkConnection } from './link.ts'
import { PollSocket, StreamSocket, type LinkContext, type LinkSocket } from './link-sockets.ts'
import type { Newcomers } from './newcomers.ts'
import type { LinkPorts } from './ports.ts'
import type { Arrived } from './websocket-context.ts'
import { LINK_GONE, type LinkAnswer, type LinkRequest } from '../cluster/link-relay.ts'
import type { Dialect } from '../dialect/dialect.ts'
import type { Named, Opens } from '../dialect/emulation.ts'
import type { HttpExchange, ResponseHeaders } from '../drivers/uws.ts'
import { LINK_POLL_MS } from '../protocol/link.ts'

const CREDENTIAL = /^([\w-]{1,64})\.([\w-]{22})\.([\w-]{22})$/
const SECRET_BYTES = 16
/** Another node that is asked for a client answers by then. */
const RELAY_MS = 5000
/** A client sends one request after the other, and polls beside that; one of each may just be given up by it. */
const AT_ONCE_MAX = 4
/** A client whose protocol does not count its requests waits for none of them. */
const BROUGHT_AT_ONCE_MAX = 64

interface Held {
  readonly connection: LinkConnection
  readonly socket: LinkSocket
  /** The last request with frames that was taken. */
  taken: number
}

/** What a link is opened with. */
export interface Opening {
  readonly exchange: HttpExchange
  readonly headers: ResponseHeaders
  readonly arrived: Arrived
}

/** What is spoken over a link that is not of the first dialect. */
export interface Spoken {
  readonly dialect: Dialect
  /** Of the route. */
  readonly path: string
  /** By `name`. */
  readonly named: Named
}

export class Links {
  readonly #ports: LinkPorts
  readonly #context: LinkContext
  readonly #newcomers: Newcomers
  readonly #held = new Map<string, Held>()
  /** Requests of each link that are under way here. */
  readonly #underWay = new Map<string, number>()

  constructor(ports: LinkPorts, context: Omit<LinkContext, 'lines'>, newcomers: Newcomers) {
    this.#ports = ports
    this.#context = { ...context, lines: new LinkLines() }
    this.#newcomers = newcomers
  }

  /** The answer to the request stays open, and frames come on it. */
  openStream(opening: Opening): void {
    const connection = this.#connection('sse', opening)
    const socket = new StreamSocket(connection, this.#context, opening)
    this.#open(connection, socket)
  }

  /** The answer is the credential alone. */
  openPoll(opening: Opening): void {
    const connection = this.#connection('poll', opening)
    const over = (): void => void this.#held.delete(link)
    const socket = new PollSocket(connection, this.#context, over)
    const link = this.#open(connection, socket)
    // Its first answer, so that it has come when the first poll names it.
    void socket.poll(0)?.then((answer) => opening.exchange.respond(200, opening.headers, answer))
  }

  /** The same in the words of another dialect, which tells the client itself how it is named. What it has said already is its first frame. */
  openEmulated(opening: Opening, { framing, first }: Opens, spoken: Spoken): void {
    const connection = new LinkConnection('sse', opening.arrived, {
      ...this.#context,
      ...spoken,
      newcomers: this.#newcomers,
    })
    const socket = new EmulatedSocket(connection, { ...this.#context, ...spoken }, { ...opening, framing })
    this.#hold(spoken.named.credential, connection, socket)
    connection.opened(socket)
    if (!connection.closed) connection.received(first.frame, first.binary)
  }

  /** A name that nobody has yet. */
  name(): Named {
    const { nodeId: node, seal } = this.#ports
    const secret = randomBytes(SECRET_BYTES).toString('base64url')
    return { credential: `${node}.${secret}.${seal.sign(node, secret)}`, node }
  }

  /** Whether a credential may be one of ours, or of another node: whoever has made it up cost us a MAC. */
  knows(link: string): boolean {
    if (this.#held.has(link)) return true
    const [, node = '', secret = '', mac = ''] = CREDENTIAL.exec(link) ?? []
    return node !== '' && this.#ports.seal.signed(mac, node, secret)
  }

  /** Of a client, with a credential that is known. Never fails. */
  async ask(request: LinkRequest): Promise<LinkAnswer> {
    const { link, kind } = request
    const before = this.#underWay.get(link) ?? 0
    if (before >= (kind === 'brought' ? BROUGHT_AT_ONCE_MAX : AT_ONCE_MAX))
      return { status: 503, body: 'too many requests of this link are under way' }
    this.#underWay.set(link, before + 1)
    try {
      return await this.#passed(request)
    } finally {
      const now = (this.#underWay.get(link) ?? 1) - 1
      if (now === 0) this.#underWay.delete(link)
      else this.#underWay.set(link, now)
    }
  }

  /** About a link of this node. Never fails. */
  async serve({ link, kind, number, body }: LinkRequest): Promise<LinkAnswer> {
    const held = this.#held.get(link)
    if (held === undefined) return LINK_GONE
    switch (kind) {
      case 'frames':
        return this.#take(held, number, body)
      case 'brought':
        return held.connection.closed ? LINK_GONE : this.#receive(held, body)
      case 'close':
        held.socket.end(CLOSED_BY_CLIENT, '')
        this.#held.delete(link)
        return DONE
      case 'poll': {
        const answer = held.socket instanceof PollSocket ? held.socket.poll(number) : undefined
        if (answer === undefined) {
          held.socket.close()
          return LINK_GONE
        }
        return { status: 200, body: (await answer).toString('utf8') }
      }
    }
  }

  #passed(request: LinkRequest): Promise<LinkAnswer> {
    const node = request.link.split('.')[0] as string
    if (this.#held.has(request.link) || node === this.#ports.nodeId) return this.serve(request)
    const waitMs = request.kind === 'poll' ? LINK_POLL_MS : 0
    return this.#ports.relay(node, request, waitMs + RELAY_MS)
  }

  #take(held: Held, number: number, body: string): LinkAnswer {
    // It has ended, and only waits for the poll that fetches why.
    if (held.connection.closed) return LINK_GONE
    // Its answer was lost.
    if (number === held.taken) return DONE
    if (number !== held.taken + 1) {
      held.socket.close()
      return LINK_GONE
    }
    held.taken = number
    return this.#receive(held, body)
  }

  #receive(held: Held, body: string): LinkAnswer {
    held.socket.heard()
    for (const { frame, binary } of framesIn(Buffer.from(body))) {
      if (held.connection.closed) break
      held.connection.received(frame, binary)
    }
    return DONE
  }

  #connection(mode: 'sse' | 'poll', { arrived }: Opening): LinkConnection {
    return new LinkConnection(mode, arrived, { ...this.#context, newcomers: this.#newcomers })
  }

  #open(connection: LinkConnection, socket: StreamSocket | PollSocket): string {
    const link = this.name().credential
    this.#hold(link, connection, socket)
    connection.opened(socket)
    socket.send(JSON.stringify(link), false)
    return link
  }

  #hold(link: string, connection: LinkConnection, socket: LinkSocket): void {
    this.#held.set(link, { connection, socket, taken: 0 })
    connection.left = () => {
      // What a poll has not fetched yet, above all why it is over, waits for it a while.
      if (!(socket instanceof PollSocket)) this.#held.delete(link)
    }
  }
}

/** As a WebSocket that its client has closed. */
const CLOSED_BY_CLIENT = 1000
const DONE: LinkAnswer = { status: 204, body: '' }
