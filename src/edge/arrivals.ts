/**
 * A connection that is about to begin, a WebSocket or a link: what it shows, and whether it is let in now. Its origin was checked.
 */
import type { ClientAddress } from './origin.ts'
import type { EdgePorts, Refuse } from './ports.ts'
import type { Dialect, Hello } from '../dialect/dialect.ts'
import type { RequestHead, ResponseHeaders } from '../drivers/uws.ts'
import { retryAfter, SluiceError } from '../errors.ts'
import type { Arrived } from '../transport/websocket-context.ts'

const UNTRUSTED_PROXY =
  'too many connections from one address, which sends X-Forwarded-For and is not in trustedProxies: if it is a proxy, all its clients count as one'

export interface Arriving {
  readonly head: RequestHead
  readonly hello: Hello
  readonly dialect: Dialect
  onAborted(run: () => void): void
  admitted(arrived: Arrived): void
  refused(status: number, headers: ResponseHeaders, error: SluiceError): void
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
    const { head, hello, dialect } = arriving
    const { admission, metrics } = this.#ports
    if (hello.turns !== undefined && this.#ports.redirects(hello.turns, true)) {
      // Its old connection still serves it: it loses nothing by another attempt.
      metrics.refused('outdated')
      arriving.refused(503, { 'content-type': 'application/json' }, outdated())
      return
    }
    // What it resumes is in its first frame; that it was here is shown in the URL, so that it waits before newcomers.
    const resume = admission.knows(hello.ticket)
    // What comes of somebody who is known is not charged to those with whom he shares an address.
    const address = resume || !admission.looksAtAddresses ? '' : this.#addresses.of(head)
    let decided = false
    const asked = admission.ask({ address, resume }, (verdict) => {
      decided = true
      if (verdict.kind === 'refuse') {
        this.warnOfProxy(head, verdict)
        arriving.refused(verdict.tooMany ? 429 : 503, refusalHeaders(verdict), refusal(verdict))
        return
      }
      arriving.admitted({ conversation: dialect.converse(hello), address })
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

export function refusal({ reason, tooMany }: Refuse): SluiceError {
  const message = `not admitted now (${reason}); come back after Retry-After seconds`
  return new SluiceError(tooMany ? 'rate_limited' : 'unavailable', message)
}
