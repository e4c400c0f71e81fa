/**
 * A connection that is about to begin, a WebSocket or a link: what it shows, and whether it is let in now. Its origin was checked.
 */
import type { ClientAddress } from './origin.ts'
import type { EdgePorts, Refuse } from './ports.ts'
import { bearer } from './request.ts'
import type { RequestHead, ResponseHeaders } from '../drivers/uws.ts'
import { errorBody, retryAfter, SluiceError } from '../errors.ts'
import { readTicket } from '../protocol/ticket.ts'
import type { Handshake } from '../transport/websocket.ts'

const UNTRUSTED_PROXY =
  'too many connections from one address, which sends X-Forwarded-For and is not in trustedProxies: if it is a proxy, all its clients count as one'

export interface Arriving {
  readonly head: RequestHead
  onAborted(run: () => void): void
  admitted(handshake: Handshake): void
  refused(status: number, headers: ResponseHeaders, body: string): void
}

export class Arrivals {
  readonly #ports: EdgePorts
  readonly #addresses: ClientAddress

  constructor(ports: EdgePorts, addresses: ClientAddress) {
    this.#ports = ports
    this.#addresses = addresses
  }

  /** Answers now or later, once, unless it goes before. */
  take(arriving: Arriving): void {
    const { head } = arriving
    const { admission, metrics } = this.#ports
    const address = this.#addresses.of(head)
    const query = new URLSearchParams(head.query)
    const token = bearer(head) ?? query.get('token') ?? undefined
    const move = query.get('move')
    if (move !== null && this.#ports.turnsAway(Number(move), true)) {
      // Its old connection still serves it: it loses nothing by another attempt.
      metrics.refused('outdated')
      const { code, message } = outdated()
      arriving.refused(503, { 'content-type': 'application/json' }, errorBody(code, message))
      return
    }
    // What it resumes is in its first frame; that it was here is shown in the URL, so that it waits before newcomers.
    const resume = admission.knows(readTicket(query.get('resume') ?? ''))
    let decided = false
    const asked = admission.ask({ address, resume }, (verdict) => {
      decided = true
      if (verdict.kind === 'refuse') {
        this.warnOfProxy(head, verdict)
        arriving.refused(verdict.tooMany ? 429 : 503, refusalHeaders(verdict), refusalBody(verdict))
        return
      }
      // What comes of somebody who is known is not charged to those with whom he shares an address.
      arriving.admitted({ token, address: resume ? '' : address })
    })
    // Whoever was let in at once has taken over what is to be done when it goes.
    if (!decided) arriving.onAborted(() => asked.cancel())
  }

  /** Everybody behind it would be refused for one another, and nobody would know why. */
  warnOfProxy(head: RequestHead, { tooMany }: Refuse): void {
    const address = head.remoteAddress
    const saysSo = head.headers['x-forwarded-for'] !== undefined
    if (tooMany && saysSo && this.#addresses.of(head) === address)
      this.#ports.mistake(UNTRUSTED_PROXY, { address })
  }
}

export function outdated(): SluiceError {
  return new SluiceError('unavailable', 'a node of a later deploy has room; try again')
}

export function refusalHeaders({ retryAfterMs }: Refuse): ResponseHeaders {
  return { 'content-type': 'application/json', ...retryAfter(retryAfterMs) }
}

export function refusalBody({ reason, tooMany }: Refuse): string {
  return errorBody(
    tooMany ? 'rate_limited' : 'unavailable',
    `not admitted now (${reason}); come back after Retry-After seconds`,
  )
}
