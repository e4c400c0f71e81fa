/**
 * What a text in the configuration must look like: origins, networks, URLs, names. Pure.
 */
import { isIP } from 'node:net'
import { isChannel } from '../protocol/channel.ts'

/**
 * Exactly as a browser writes it in `Origin` (RFC 6454, section 6.2): no path, no default port, lower case; or `*`.
 */
export function isOrigin(value: string): boolean {
  if (value === '*') return true
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/\s?#@*]+$/.test(value)) return false
  // An application's own scheme (`capacitor://localhost`) has no origin for the URL standard, but its web view sends one.
  if (!/^https?:/.test(value)) return value === value.toLowerCase()
  return URL.canParse(value) && new URL(value).origin === value
}

/** A host name or an address, an IPv6 address in brackets or without, and nothing else of a URL. */
export function isHost(value: string): boolean {
  if (isIP(value) !== 0) return true
  return /^[A-Za-z0-9_.-]{1,253}$|^\[[\da-fA-F:.]+\]$/.test(value) && URL.canParse(`http://${value}`)
}

/** As clients ask for it in a TLS handshake (RFC 6066, section 3), or `*.` and a part of it, which stands for one label. */
export function isServerName(value: string): boolean {
  return (
    value.length <= 253 &&
    isIP(value) === 0 &&
    /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(value)
  )
}

/** An IP address, or a network in CIDR notation (RFC 4632). */
export function isNetwork(value: string): boolean {
  const [address = '', prefix, ...rest] = value.split('/')
  const bits = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0
  if (bits === 0 || rest.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits)
}

/** A predicate: a URL with one of these schemes and a host. */
export function isUrl(...schemes: readonly string[]): (value: string) => boolean {
  return (value) => {
    if (!URL.canParse(value)) return false
    const { protocol, hostname } = new URL(value)
    return schemes.includes(protocol.slice(0, -1)) && hostname !== ''
  }
}

/** Where clients open a WebSocket, but for its path. */
export function isPublicUrl(value: string): boolean {
  return (
    /^wss?:\/\/(?:[A-Za-z0-9_.-]{1,253}|\[[\da-fA-F:.]{2,45}\])(?::\d{1,5})?$/.test(value) &&
    URL.canParse(value)
  )
}

/** `token` of RFC 9110, section 5.6.2: what a cookie's name is made of (RFC 6265, section 4.1.1). */
export function isCookieName(value: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/.test(value)
}

/** A label of a node: it becomes a label of every metric, and a part of Redis keys. */
export const LABEL = /^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$/

export function isLabel(value: string): boolean {
  return LABEL.test(value)
}

/** The form of an entry; what is in its parts is judged where keys are checked. */
export function isApiKeyEntry(value: string): boolean {
  return /^[^:\s]+:[^:\s]+:\S+$/.test(value)
}

/** `id:namespace:key:secret`. */
export function isPusherApp(value: string): boolean {
  const [, namespace = ''] = /^[A-Za-z0-9_-]{1,64}:([^:\s]+):[A-Za-z0-9_-]{1,64}:\S+$/.exec(value) ?? []
  return isNamespace(namespace) && namespace !== '*' && namespace !== '@'
}

/** `*` (the default), `@` (the inboxes), or what a channel's name begins with. */
export function isNamespace(value: string): boolean {
  return value === '*' || value === '@' || (isChannel(value) && !value.includes(':'))
}

/** Of a backend that is told what happens; it becomes a field of Redis and a word of the log. */
export function isHookName(value: string): boolean {
  return /^[A-Za-z0-9_-]{1,64}$/.test(value)
}

/** Of NATS, without wildcards. */
export function isSubject(value: string): boolean {
  return /^[^\s.*>]+(?:\.[^\s.*>]+)*$/.test(value) && value.length <= 256
}
