/**
 * Where a node listens: the public listener for clients, and the second one for backends, operators and other nodes.
 * Part of the composition.
 */
import { Listener } from '../drivers/uws.ts'
import { shownHost } from './address.ts'
import type { Base } from './base.ts'
import { Certificates } from './certificates.ts'
import { compressFromBytes, goneMs } from './options.ts'

const LATE_NOTICE =
  'clients that vanish without a word are noticed when the kernel gives up on them, which may be after 15 minutes; docs/wire.md says what to do'

export interface Listeners {
  readonly public: Listener
  readonly api: Listener
  readonly certificates: Certificates
  readonly url: string
  readonly apiUrl: string
  start(): Promise<void>
}

export function createListeners({ config, clock, log, metrics, health, caught }: Base): Listeners {
  const api = new Listener({
    host: config.api.host,
    port: config.api.port,
    shared: false,
    setBy: 'api.host and api.port',
    goneMs: goneMs(config),
    caught,
    ...(config.api.tls === undefined ? {} : { tls: config.api.tls }),
  })
  const clients = new Listener({
    host: config.host,
    port: config.port,
    shared: config.sharePort,
    setBy: 'host and port',
    proxyProtocol: config.proxyProtocol,
    compressFromBytes: compressFromBytes(config),
    goneMs: goneMs(config),
    caught,
    ...(config.tls === undefined ? {} : { tls: config.tls }),
  })
  if (config.tls !== undefined) {
    health.register('listener', () =>
      clients.listening
        ? { status: 'ok' }
        : { status: 'failing', detail: 'it could not be opened again for a renewed certificate' },
    )
  }
  const certificates = new Certificates(config, { public: clients, api }, { clock, log, metrics })
  return {
    public: clients,
    api,
    certificates,
    get url() {
      return urlOf(config.tls !== undefined, config.host, clients.port)
    },
    get apiUrl() {
      return urlOf(config.api.tls !== undefined, config.api.host, api.port)
    },
    async start() {
      await api.listen()
      // An `api` node only publishes: no client can starve it, because none can connect.
      if (config.node.role !== 'api') await clients.listen()
      await certificates.start()
      if (api.vanishing !== undefined) log.warn({ reason: api.vanishing }, LATE_NOTICE)
    },
  }
}

function urlOf(tls: boolean, host: string, port: number): string {
  return `${tls ? 'https' : 'http'}://${shownHost(host)}:${port}`
}
