/**
 * Who may talk to us from a browser, and who a request comes from. Pure.
 */
import { BlockList, isIP } from 'node:net'
import type { LocalHosts } from './local-hosts.ts'
import type { ResponseHeaders } from '../drivers/uws.ts'

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

  /** A client that is no browser sends no origin and is not held up: the check protects users of browsers. */
  allows(origin: string | undefined): boolean {
    if (origin === undefined || this.#any || this.#allowed.has(origin)) return true
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
      'access-control-expose-headers': 'Retry-After',
    }
  }
}

/** The address of the client behind our own proxies. */
export class ClientAddress {
  readonly #trusted: BlockList | undefined

  constructor(trustedProxies: readonly string[]) {
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
   * Only a trusted peer's `X-Forwarded-For` is believed, from its right end: the left of it is what the client itself
   * may have written there.
   */
  of(peer: string, forwardedFor: string | undefined): string {
    if (this.#trusted === undefined || forwardedFor === undefined || !this.#isTrusted(peer)) return peer
    const hops = forwardedFor.split(',').map((hop) => hop.trim())
    for (let i = hops.length - 1; i >= 0; i--) {
      const hop = hops[i] as string
      if (isIP(hop) === 0) return peer
      if (!this.#isTrusted(hop) || i === 0) return hop
    }
    return peer
  }

  #isTrusted(address: string): boolean {
    const family = isIP(address)
    return family !== 0 && this.#trusted?.check(address, family === 6 ? 'ipv6' : 'ipv4') === true
  }
}
