/**
 * The certificates that a listener shows: its own, and those for names that clients ask for. Their files are looked at again
 * and again, because whoever renews certificates (certbot, cert-manager) replaces them and tells nobody. The library takes all
 * of them at once: where one cannot be used none is renewed, and what was shown before is shown on.
 */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from './outgoing.ts'
import type { CertificateFiles, ListenerCertificates } from './uws-served.ts'
import type { Clock, Timer } from '../clock.ts'

/** A look costs two small reads. */
const LOOK_MS = 10_000

export interface ServedCertificatePorts {
  readonly clock: Clock
  /** Serves what the files hold now. */
  renew(): Promise<void>
  /** `expiresAtMs` of the one of those shown from now on that is over first. */
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

interface Shown {
  /** Absent: for whoever asks for no other. */
  readonly name?: string
  readonly files: CertificateFiles
}

export class ServedCertificate {
  readonly #shown: readonly Shown[]
  readonly #ports: ServedCertificatePorts
  #timer: Timer | undefined
  #served: readonly Content[] | undefined
  /** What was looked at last. */
  #seen: readonly Content[] | undefined
  #failed: string | undefined
  #looking: Promise<void> | undefined
  #expiresAtMs: number | undefined

  constructor({ names = {}, ...files }: ListenerCertificates, ports: ServedCertificatePorts) {
    this.#shown = [{ files }, ...Object.entries(names).map(([name, own]) => ({ name, files: own }))]
    this.#ports = ports
  }

  /** When the first of what is shown is over, in milliseconds since 1970. Unknown before the start. */
  get expiresAtMs(): number | undefined {
    return this.#expiresAtMs
  }

  /** The listener has just read the same files. */
  async start(): Promise<void> {
    const content = await this.#read()
    this.#served = content
    this.#seen = content
    this.#expiresAtMs = Math.min(...content.map(expiryOf))
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
    // They are replaced one after the other: what is the same in two looks is complete, or will not be mended by waiting.
    const settled = sameContent(content, this.#seen)
    this.#seen = content
    const listening = this.#ports.listening()
    if (listening && sameContent(content, this.#served)) {
      this.#failed = undefined
      return
    }
    const fault = this.#faultOf(content)
    if (fault !== undefined) {
      if (settled) this.#refuse(fault)
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
    this.#expiresAtMs = Math.min(...content.map(expiryOf))
    this.#ports.renewed(this.#expiresAtMs)
  }

  #refuse(why: string): void {
    if (this.#failed === why) return
    this.#failed = why
    this.#ports.refused(why)
  }

  #faultOf(contents: readonly Content[]): string | undefined {
    for (const [index, { name, files }] of this.#shown.entries()) {
      const fault = certificateFault(contents[index] as Content, name)
      if (fault !== undefined) return `${files.certFile} and ${files.keyFile}: ${fault}`
    }
    return undefined
  }

  #read(): Promise<readonly Content[]> {
    return Promise.all(
      this.#shown.map(async ({ files: { certFile, keyFile } }) => {
        const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')])
        return { cert, key }
      }),
    )
  }
}

/** Why it cannot be shown, to those who ask for the name where one is given. */
export function certificateFault(content: Content, name?: string): string | undefined {
  try {
    createSecureContext(content)
    const certificate = new X509Certificate(content.cert)
    if (name === undefined || certificate.checkHost(name.replace('*', 'any')) !== undefined) return undefined
    return `the certificate is not for ${name}, but for ${certificate.subjectAltName ?? certificate.subject}`
  } catch (error) {
    return (error as Error).message
  }
}

/** Of the first certificate of a chain: the one of the server. */
function expiryOf({ cert }: Content): number {
  return Date.parse(new X509Certificate(cert).validTo)
}

function sameContent(some: readonly Content[], others: readonly Content[] | undefined): boolean {
  return some.every(({ cert, key }, i) => cert === others?.[i]?.cert && key === others[i].key)
}
