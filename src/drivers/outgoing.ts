/**
 * What Node.js has for asking others: loaded with the first question, since it is 1.2 MB and a node that has no backend to ask never
 * needs it.
 */
import type * as Http from 'node:http'
import type * as Https from 'node:https'
import { createRequire } from 'node:module'
import type * as Tls from 'node:tls'

const load = createRequire(import.meta.url)

/** `url`: `http:` or `https:`. */
export function requesterOf(url: string): (typeof Http)['request'] {
  return url.startsWith('https:')
    ? (load('node:https') as typeof Https).request
    : (load('node:http') as typeof Http).request
}

/** Fails where keys and certificates are none. */
export function createSecureContext(options: Tls.SecureContextOptions): Tls.SecureContext {
  return (load('node:tls') as typeof Tls).createSecureContext(options)
}
