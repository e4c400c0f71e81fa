/**
 * The certificates of both listeners: each is renewed when its files change, and the metrics page says how long it lasts.
 */
import type { Clock } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import { ServedCertificate } from '../drivers/served-certificate.ts'
import type { Listener } from '../drivers/uws.ts'
import type { ListenerCertificates } from '../drivers/uws-served.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'

type Name = 'public' | 'api'

export interface CertificatesPorts {
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Pick<Metrics, 'certificateExpiry'>
}

export class Certificates {
  readonly #served: readonly ServedCertificate[]

  constructor(config: Config, listeners: Readonly<Record<Name, Listener>>, ports: CertificatesPorts) {
    const files = { public: config.tls, api: config.api.tls }
    const served: ServedCertificate[] = []
    for (const name of ['public', 'api'] as const) {
      const certificate = watch(name, files[name], listeners[name], ports)
      if (certificate !== undefined) served.push(certificate)
    }
    this.#served = served
  }

  async start(): Promise<void> {
    for (const one of this.#served) await one.start()
  }

  /** Now, and not only when the files are looked at next. Never fails. */
  async renew(): Promise<void> {
    for (const one of this.#served) await one.look()
  }

  close(): void {
    for (const one of this.#served) one.close()
  }
}

function watch(
  name: Name,
  files: ListenerCertificates | undefined,
  listener: Listener,
  { clock, log, metrics }: CertificatesPorts,
): ServedCertificate | undefined {
  const cell = metrics.certificateExpiry[name]
  if (files === undefined) {
    cell.read(() => Number.NaN)
    return undefined
  }
  const names = Object.keys(files.names ?? {})
  const about = { listener: name, certFile: files.certFile, ...(names.length === 0 ? {} : { names }) }
  const served = new ServedCertificate(files, {
    clock,
    renew: () => listener.renewCertificate(),
    renewed(expiresAtMs) {
      log.info(
        { ...about, expiresAt: new Date(expiresAtMs).toISOString() },
        'a renewed certificate is shown to those who connect from now on',
      )
    },
    listening: () => listener.listening,
    lost(why) {
      log.error(
        { ...about, reason: why },
        'the listener could not be opened again for a renewed certificate: nobody can connect to it; it is tried again in 10 s',
      )
    },
    refused(why) {
      log.error(
        { ...about, reason: why },
        'the files of a certificate cannot be used; what was shown before is shown on, of all of this listener, until they can',
      )
    },
  })
  cell.read(() => ((served.expiresAtMs ?? Number.NaN) - clock.now()) / 1000)
  return served
}
