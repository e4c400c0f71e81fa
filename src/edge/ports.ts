/**
 * What the edge needs of other rooms, as narrow as it uses it.
 */
import type { LocalHosts } from './local-hosts.ts'
import type { Admission } from '../admission/admission.ts'
import type { LinkPorts, TransportOptions, TransportPorts, TransportMetrics } from '../transport/ports.ts'

export type { Refuse } from '../admission/gate.ts'

export interface EdgeMetrics extends TransportMetrics {
  refused(reason: 'origin' | 'subprotocol' | 'outdated'): void
}

export interface EdgePorts extends TransportPorts {
  readonly links: LinkPorts
  readonly admission: TransportPorts['admission'] & Pick<Admission, 'ask' | 'knows' | 'looksAtAddresses'>
  readonly metrics: EdgeMetrics
  /**
   * Whether a client that moves, and has been turned away so often before, shall go to another node. `served`: its old
   * connection serves it meanwhile.
   */
  redirects(turns: number, served: boolean): boolean
  /** What a peer does wrong: a line a second at most. `kind` is a constant sentence. */
  mistake(kind: string, fields: object): void
}

export interface EdgeOptions extends TransportOptions {
  /** Exact origins, or `*` for any. */
  readonly allowedOrigins: readonly string[]
  /** `undefined`: the node is not for development, and its names are the balancer's business. */
  readonly localHosts: LocalHosts | undefined
  /** Addresses and networks whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[]
  /** Whether they send a PROXY header, which is believed too. */
  readonly proxyProtocol: boolean
  readonly tokenCookie: string
  readonly channelsPerStreamMax: number
  /** Of the first line and the headers of a request. */
  readonly headBytesMax: number
}
