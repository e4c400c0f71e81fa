/** A CA by openssl, and certificates of it for 127.0.0.1, in a directory that ends with the test. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { temporaryDirectory } from './server-process.ts'

export interface Certificate {
  readonly certFile: string
  readonly keyFile: string
}

const DAYS = 2
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

export class CertificateAuthority {
  readonly caFile: string
  readonly #caKey: string
  readonly #directory: { readonly path: string; remove(): void }

  constructor(name = 'sluice-tests') {
    this.#directory = temporaryDirectory('ca')
    this.caFile = this.file('ca.pem')
    this.#caKey = this.file('ca.key')
    openssl(
      'req',
      '-x509',
      ...NEW_KEY,
      '-keyout',
      this.#caKey,
      '-out',
      this.caFile,
      '-days',
      String(DAYS),
      '-subj',
      `/CN=${name}`,
    )
  }

  /** Where it is good for nothing but this test. */
  file(name: string): string {
    return join(this.#directory.path, name)
  }

  /** `names`: as in a subjectAltName. */
  issue(name: string, names = 'IP:127.0.0.1,DNS:localhost', days = DAYS): Certificate {
    const [certFile, keyFile, request] = [`${name}.pem`, `${name}.key`, `${name}.csr`].map((one) =>
      this.file(one),
    ) as [string, string, string]
    const extension = ['-addext', `subjectAltName=${names}`]
    openssl(
      'req',
      '-new',
      ...NEW_KEY,
      '-keyout',
      keyFile,
      '-out',
      request,
      '-subj',
      `/CN=${name}`,
      ...extension,
    )
    const signer = ['-CA', this.caFile, '-CAkey', this.#caKey, '-CAcreateserial']
    openssl(
      'x509',
      '-req',
      '-in',
      request,
      ...signer,
      '-out',
      certFile,
      '-days',
      String(days),
      '-copy_extensions',
      'copy',
    )
    return { certFile, keyFile }
  }

  remove(): void {
    this.#directory.remove()
  }
}

function openssl(...words: readonly string[]): void {
  try {
    execFileSync('openssl', words, { stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new Error('openssl is missing; install it with: apt-get install openssl', { cause: error })
    throw error
  }
}
