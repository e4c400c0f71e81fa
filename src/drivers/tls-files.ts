/**
 * The certificates and keys of a client or of a server, in PEM, from the files that the configuration names.
 */
import { readFileSync } from 'node:fs'

export interface TlsFiles {
  /** Whom the other side's certificate must come from. Absent: whoever the system trusts. */
  readonly caFile?: string
  /** Shown to the other side, with its chain. */
  readonly certFile?: string
  readonly keyFile?: string
}

export interface TlsMaterial {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** Fails where a file cannot be read. */
export function readTlsFiles({ caFile, certFile, keyFile }: TlsFiles): TlsMaterial {
  return {
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') }),
    ...(certFile === undefined ? {} : { cert: readFileSync(certFile, 'utf8') }),
    ...(keyFile === undefined ? {} : { key: readFileSync(keyFile, 'utf8') }),
  }
}
