/**
 * Who may ask a node for development, from a browser too. A site can let its own name point to 127.0.0.1 (DNS rebinding),
 * and its pages are then of the same origin as the node, for the browser. But they cannot choose what the browser writes
 * into `Host`: the name of the site. So a node for development answers to names of this machine, and to those that it was told. Pure.
 */
import { isIP } from 'node:net'
import type { RequestHead } from '../drivers/uws.ts'
import { SluiceError } from '../errors.ts'

export interface LocalHostsOptions {
  /** Beside the names of this machine. */
  readonly names: readonly string[]
  /** Whether any address is fine: no site can make a browser write one of ours, unless it is served from there. */
  readonly anyAddress: boolean
}

export class LocalHosts {
  readonly #names: ReadonlySet<string>
  readonly #anyAddress: boolean

  constructor({ names, anyAddress }: LocalHostsOptions) {
    this.#names = new Set(names.map((name) => name.toLowerCase().replace(/^\[(.*)\]$/, '$1')))
    this.#anyAddress = anyAddress
  }

  /** Fails with `forbidden` where `Host` is none of ours. */
  checkHost({ headers: { host } }: RequestHead): void {
    if (host !== undefined && this.#isOurs(nameIn(`http://${host}`))) return
    throw new SluiceError(
      'forbidden',
      'this node is for development and is not asked under this name (Host): use localhost or 127.0.0.1, or add the name to allowedHosts (SLUICE_ALLOWED_HOSTS)',
    )
  }

  /** Fails with `forbidden` where a page of another site asks. */
  checkOrigin({ headers: { origin } }: RequestHead): void {
    if (origin === undefined || this.hasOrigin(origin)) return
    throw new SluiceError('forbidden', 'this listener is not for pages of other sites')
  }

  /** Whether a page is served from here; from whatever port, since an application has one of its own. */
  hasOrigin(origin: string): boolean {
    return this.#isOurs(nameIn(origin))
  }

  #isOurs(name: string | undefined): boolean {
    if (name === undefined) return false
    if (name === 'localhost' || name.endsWith('.localhost') || this.#names.has(name)) return true
    if (isIP(name) === 0) return false
    return this.#anyAddress || name === '::1' || name.startsWith('127.')
  }
}

/** The name in a URL, an IPv6 address without its brackets; in the one spelling that URLs have for it. */
function nameIn(url: string): string | undefined {
  if (!/^https?:\/\/[^/?#@\\]+$/.test(url) || !URL.canParse(url)) return undefined
  return new URL(url).hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
}
