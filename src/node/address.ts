/**
 * Where a node is: for other nodes, and for the person who started it. Part of the composition.
 */
import { hostname } from 'node:os'
import type { Config } from '../config/schema.ts'
import { readTlsFiles } from '../drivers/tls-files.ts'
import { LocalHosts } from '../edge/local-hosts.ts'

/** Where other nodes reach the second listener. */
export function addressOf({ node, api }: Config, port: number): string {
  const given = node.address ?? (isEveryInterface(api.host) ? hostname() : api.host)
  if (/(?:^[^:]*|\]):\d+$/.test(given)) return given
  return `${given.includes(':') && !given.startsWith('[') ? `[${given}]` : given}:${port}`
}

/** The names of a node for development; `undefined` for any other. */
export function localHostsOf({ dev, host, api, allowedHosts }: Config): LocalHosts | undefined {
  if (!dev) return undefined
  const given = [host, api.host]
  return new LocalHosts({
    names: [...given.filter((one) => !isEveryInterface(one)), ...allowedHosts],
    anyAddress: given.some(isEveryInterface),
  })
}

/** How the second listeners of all nodes are asked: with TLS where this one has it. `undefined`: plain. */
export function nodesTls({ api: { tls } }: Config): { readonly ca: string | undefined } | undefined {
  if (tls === undefined) return undefined
  return { ca: readTlsFiles(tls.caFile === undefined ? {} : { caFile: tls.caFile }).ca }
}

function isEveryInterface(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** A URL with the address of "every interface" leads nowhere on some systems. */
export function shownHost(host: string): string {
  if (isEveryInterface(host)) return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
