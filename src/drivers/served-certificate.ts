/**
 * The certificate that a listener shows. Its files are looked at again and again, because whoever renews certificates
 * (certbot, cert-manager) replaces them and tells nobody; one that cannot be used is not taken.
 */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Clock, Timer } from '../clock.ts'

/** A look costs two small reads. */
const LOOK_MS = 10_000

export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

export interface ServedCertificatePorts {
  readonly clock: Clock
  /** Serves what the files hold now. */
  renew(): Promise<void>
  /** `expiresAtMs` of the certificate that is shown from now on. */
  renewed(expiresAtMs: number): void
  /** The files hold what cannot be used, so the old certificate is shown on. Once for each content. */
  refused(why: string): void
  /** Whether the listener is open, where it should be. */
  listening(): boolean
  /** It could not be opened again: nobody can connect. It is tried again at the next look. */
  lost(why: string): void
}

interface Content {
  readonly cert: string
  readonly key: string
}

export class ServedCertificate {
  readonly #files: CertificateFiles
  readonly #ports: ServedCertificatePorts
  #timer: Timer | undefined
  #served: Content | undefined
  /** What was looked at last. */
  #seen: Content | undefined
  #failed: string | undefined
  #looking: Promise<void> | undefined
  #expiresAtMs: number | undefined

  constructor(files: CertificateFiles, ports: ServedCertificatePorts) {
    this.#files = files
    this.#ports = ports
  }

  /** When what is shown is over, in milliseconds since 1970. Unknown before the start. */
  get expiresAtMs(): number | undefined {
    return this.#expiresAtMs
  }

  /** The listener has just read the same files. */
  async start(): Promise<void> {
    const content = await this.#read()
    this.#served = content
    this.#seen = content
    this.#expiresAtMs = expiryOf(content.cert)
    this.#timer = this.#ports.clock.every(LOOK_MS, () => void this.look())
  }

  close(): void {
    this.#timer?.cancel()
  }

  /** Compares the files with what is shown, and shows what they hold. Never fails. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined))
    return this.#looking
  }

  async #look(): Promise<void> {
    let content
    try {
      content = await this.#read()
    } catch (error) {
      this.#refuse((error as Error).message)
      return
    }
    // Both are replaced one after the other: what is the same in two looks is complete, or will not be mended by waiting.
    const settled = sameContent(content, this.#seen)
    this.#seen = content
    const listening = this.#ports.listening()
    if (listening && sameContent(content, this.#served)) {
      this.#failed = undefined
      return
    }
    let expiresAtMs
    try {
      expiresAtMs = expiryOf(content.cert)
      createSecureContext(content)
    } catch (error) {
      if (settled) this.#refuse((error as Error).message)
      return
    }
    try {
      await this.#ports.renew()
    } catch (error) {
      if (this.#ports.listening()) this.#refuse((error as Error).message)
      // Each time: nobody can connect until it is open again.
      else this.#ports.lost((error as Error).message)
      return
    }
    this.#served = content
    this.#failed = undefined
    this.#expiresAtMs = expiresAtMs
    this.#ports.renewed(expiresAtMs)
  }

  #refuse(why: string): void {
    if (this.#failed === why) return
    this.#failed = why
    this.#ports.refused(why)
  }

  async #read(): Promise<Content> {
    const { certFile, keyFile } = this.#files
    const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')])
    return { cert, key }
  }
}

/** Of the first certificate of a chain: the one of the server. */
function expiryOf(chain: string): number {
  return Date.parse(new X509Certificate(chain).validTo)
}

function sameContent(one: Content, other: Content | undefined): boolean {
  return one.cert === other?.cert && one.key === other.key
}
