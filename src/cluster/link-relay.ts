/**
 * What a client of a link sends may come to any node: a balancer does not know where its link is. The node that it comes to asks the
 * one that holds the link, and answers with its answer.
 */
import type { Clock, Timer } from '../clock.ts'

/**
 * `frames`: the client sends, `number` counts these. `brought`: the same where its protocol does not count. `poll`: it asks for what it
 * has not got, `number` is the last that it has.
 */
export interface LinkRequest {
  readonly link: string
  readonly kind: 'frames' | 'brought' | 'poll' | 'close'
  readonly number: number
  readonly body: string
}

/** As HTTP answers it. */
export interface LinkAnswer {
  readonly status: 200 | 204 | 400 | 404 | 413 | 503
  /** What went wrong, or what a poll brings. */
  readonly body: string
}

export type LinkWord =
  | ({ readonly kind: 'linkAsk'; readonly number: number } & { readonly request: LinkRequest })
  | ({ readonly kind: 'linkAnswer'; readonly number: number } & LinkAnswer)

export interface LinkRelayPorts {
  readonly clock: Pick<Clock, 'after'>
  tell(node: string, word: LinkWord): void
  /** Whether the node is in the table of nodes. */
  isThere(node: string): boolean
  /** What this node says to a request about a link that it holds. */
  serve(request: LinkRequest): Promise<LinkAnswer>
  failed(what: string, error: unknown): void
}

export const LINK_GONE: LinkAnswer = { status: 404, body: 'the link has ended; open another one' }
const AWAY: LinkAnswer = { status: 503, body: 'the node that holds the link does not answer now' }
/** NATS takes a megabyte; around the frames is JSON, which may write a byte as six. */
const RELAYED_BYTES_MAX = 150_000
const TOO_LARGE: LinkAnswer = {
  status: 413,
  body: `more than ${RELAYED_BYTES_MAX} bytes are not passed on to the node that holds the link: let the balancer send a client to one node`,
}

interface Waiting {
  readonly answer: (answer: LinkAnswer) => void
  readonly timer: Timer
}

export class LinkRelay {
  readonly #ports: LinkRelayPorts
  readonly #waiting = new Map<number, Waiting>()
  #number = 0

  constructor(ports: LinkRelayPorts) {
    this.#ports = ports
  }

  /** Never fails: what goes wrong is an answer. */
  ask(node: string, request: LinkRequest, timeoutMs: number): Promise<LinkAnswer> {
    if (!this.#ports.isThere(node)) return Promise.resolve(LINK_GONE)
    if (request.body.length > RELAYED_BYTES_MAX) return Promise.resolve(TOO_LARGE)
    const number = ++this.#number
    return new Promise((answer) => {
      const timer = this.#ports.clock.after(timeoutMs, () => this.#settle(number, AWAY))
      this.#waiting.set(number, { answer, timer })
      this.#ports.tell(node, { kind: 'linkAsk', number, request })
    })
  }

  /** Another node has asked. */
  asked(fromNode: string, number: number, request: LinkRequest): void {
    this.#ports.serve(request).then(
      (answer) => this.#ports.tell(fromNode, { kind: 'linkAnswer', number, ...answer }),
      (error: unknown) => this.#ports.failed('a request that another node passed on', error),
    )
  }

  answered(number: number, answer: LinkAnswer): void {
    this.#settle(number, answer)
  }

  #settle(number: number, answer: LinkAnswer): void {
    const waiting = this.#waiting.get(number)
    if (waiting === undefined) return
    this.#waiting.delete(number)
    waiting.timer.cancel()
    waiting.answer(answer)
  }
}

const STATUSES: readonly unknown[] = [200, 204, 400, 404, 413, 503]

/** As another node has said it; `undefined`: it is of a version that says it otherwise. */
export function linkWordIn(said: Readonly<Record<string, unknown>>): LinkWord | undefined {
  const { kind, number, request, status, body } = said
  if (typeof number !== 'number') return undefined
  if (kind === 'linkAnswer' && STATUSES.includes(status) && typeof body === 'string')
    return { kind, number, status: status as LinkAnswer['status'], body }
  const asked = requestIn(request)
  return kind === 'linkAsk' && asked !== undefined ? { kind, number, request: asked } : undefined
}

function requestIn(said: unknown): LinkRequest | undefined {
  const { link, kind, number, body } = (said ?? {}) as Readonly<Record<string, unknown>>
  const known = kind === 'frames' || kind === 'brought' || kind === 'poll' || kind === 'close'
  if (!known || typeof link !== 'string' || typeof number !== 'number' || typeof body !== 'string')
    return undefined
  return { link, kind, number, body }
}
