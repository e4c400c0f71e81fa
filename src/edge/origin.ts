/**
 * Who may talk to us from a browser, and who a request comes from. Pure.
 */
import { BlockList, isIP } from 'node:net'
import type { LocalHosts } from './local-hosts.ts'
import type { RequestHead, ResponseHeaders } from '../drivers/uws.ts'

const OF_NO_PAGE = /^wss?:\/\//

export class Origins {
  readonly #allowed: ReadonlySet<string>
  readonly #any: boolean
  readonly #local: LocalHosts | undefined

  /** `local`: pages that are served from there are welcome too. */
  constructor(allowed: readonly string[], local?: LocalHosts) {
    this.#local = local
    this.#any = allowed.includes('*')
    this.#allowed = new Set(allowed)
  }

  /**
   * A client that is no browser sends no origin and is not held up: the check protects users of browsers. Some of phones (Starscream, below
   * the clients for iOS) name the address that they connect to, which is the origin of no page.
   */
  allows(origin: string | undefined): boolean {
    if (origin === undefined || this.#any || this.#allowed.has(origin)) return true
    if (OF_NO_PAGE.test(origin)) return true
    return this.#local?.hasOrigin(origin) ?? false
  }

  /** The origin is echoed, never `*`: the answer may depend on a cookie. `Vary` keeps caches from mixing origins. */
  headers(origin: string | undefined): ResponseHeaders {
    if (origin === undefined) return { vary: 'Origin' }
    if (!this.allows(origin)) return { vary: 'Origin' }
    return {
      vary: 'Origin',
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'Retry-After, X-Request-Id',
    }
  }
}

/** The address of the client behind our own proxies. */
export class ClientAddress {
  readonly #trusted: BlockList | undefined
  readonly #proxyProtocol: boolean

  /** `proxyProtocol`: each trusted proxy begins its connections with a PROXY header. */
  constructor(trustedProxies: readonly string[], proxyProtocol: boolean) {
    this.#proxyProtocol = proxyProtocol
    if (trustedProxies.length === 0) return
    this.#trusted = new BlockList()
    for (const proxy of trustedProxies) {
      const [address = '', prefix] = proxy.split('/')
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
      if (prefix === undefined) this.#trusted.addAddress(address, family)
      else this.#trusted.addSubnet(address, Number(prefix), family)
    }
  }

  /**
   * Only a trusted peer is believed: first its PROXY header, then, where that names a trusted proxy again, `X-Forwarded-For`
   * from its right end past the trusted ones. The left of it is what the client itself may have written there.
   */
  of(head: AddressedHead): string {
    const { remoteAddress } = head
    if (!this.#isTrusted(remoteAddress)) return remoteAddress
    let known = (this.#proxyProtocol ? head.proxiedAddress : '') || remoteAddress
    const hops = head.headers['x-forwarded-for']?.split(',') ?? []
    while (this.#isTrusted(known)) {
      const hop = hops.pop()?.trim()
      if (hop === undefined) break
      // A list may have empty elements (RFC 9110, section 5.6.1).
      if (hop === '') continue
      const address = addressOfHop(hop)
      // Who stands behind a hop that has no address cannot be known.
      if (address === undefined) break
      known = address
    }
    return known
  }

  #isTrusted(address: string): boolean {
    if (this.#trusted === undefined) return false
    const family = isIP(address)
    return family !== 0 && this.#trusted.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }
}

type AddressedHead = Pick<RequestHead, 'remoteAddress' | 'proxiedAddress' | 'headers'>

/** With a port or without, IPv6 in brackets or not, as proxies write it. */
const HOP = /^(?:\[([\da-f:.]+)\](?::\d{1,5})?|([\d.]+):\d{1,5})$/i

function addressOfHop(hop: string): string | undefined {
  const [, bracketed, beforePort] = HOP.exec(hop) ?? []
  const address = bracketed ?? beforePort ?? hop
  // An address with a zone means something on one machine only.
  return isIP(address) !== 0 && !address.includes('%') ? address : undefined
}
