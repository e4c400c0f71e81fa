/**
 * What the schema of the configuration cannot see: keys that are none, files that are not there. Part of the composition.
 */
import { readFileSync } from 'node:fs'
import type { SecureContextOptions } from 'node:tls'
import { parseApiKeys } from '../auth/api-keys.ts'
import { AuthConfigError } from '../auth/config-error.ts'
import { KeyRing } from '../auth/key-ring.ts'
import type { Config } from '../config/schema.ts'
import { natsTarget } from '../drivers/nats-url.ts'
import { createSecureContext } from '../drivers/outgoing.ts'
import { redisTarget } from '../drivers/redis-url.ts'
import { certificateFault } from '../drivers/served-certificate.ts'
import type { TlsFiles } from '../drivers/tls-files.ts'

/** Everything that would keep a node from starting with this configuration, a sentence each. Opens no connection. */
export async function faultsOf(config: Config): Promise<string[]> {
  return [
    ...faultOf(() => parseApiKeys(config.api.keys, { allowWeak: true })),
    ...faultOf(() => new KeyRing({ ...config.auth, allowWeakSecret: true }, NO_CLOCK, NO_EVENTS)),
    ...urlFaults(() => redisTarget(config.redis.url), config.redis.url),
    ...(await natsFaults(config.nats)),
    ...TLS_SECTIONS.flatMap(([name, of]) => tlsFaults(name, of(config) ?? {})),
    ...Object.entries(config.tls?.names ?? {}).flatMap(([name, files]) =>
      tlsFaults(`tls.names.${JSON.stringify(name)}`, files, name),
    ),
  ]
}

/** A key set is fetched when the first token needs it. */
const NO_CLOCK = { monotonicMs: () => 0 }
const NO_EVENTS = { keySetFetched: () => undefined, keySetFailed: () => undefined }

function faultOf(make: () => unknown): string[] {
  try {
    make()
    return []
  } catch (error) {
    if (error instanceof AuthConfigError) return [error.message]
    throw error
  }
}

function urlFaults(read: () => unknown, urls: readonly string[]): string[] {
  if (urls.length === 0) return []
  try {
    read()
    return []
  } catch (error) {
    if (error instanceof TypeError) return [error.message]
    throw error
  }
}

const TLS_SECTIONS: readonly (readonly [name: string, of: (config: Config) => TlsFiles | undefined])[] = [
  ['tls', ({ tls }) => tls],
  ['api.tls', ({ api }) => api.tls],
  ['redis.tls', ({ redis }) => redis.tls],
  ['nats.tls', ({ nats }) => nats.tls],
]

/** `serverName`: for which the certificate has to be. */
function tlsFaults(section: string, { certFile, keyFile, caFile }: TlsFiles, serverName?: string): string[] {
  const faults: string[] = []
  const read = (option: string, file: string | undefined): Buffer | undefined => {
    if (file === undefined) return undefined
    const { bytes, fault } = fileAt(`${section}.${option}`, file)
    if (fault !== undefined) faults.push(fault)
    return bytes
  }
  const cert = read('certFile', certFile)
  const key = read('keyFile', keyFile)
  const ca = read('caFile', caFile)
  if (faults.length > 0) return faults
  if ((cert === undefined) !== (key === undefined))
    return [`${section} has one of certFile and keyFile: a certificate and its private key go together`]
  if (ca !== undefined && !ca.includes(CERTIFICATE))
    faults.push(`${section}.caFile cannot be used: it has no certificate in PEM (${CERTIFICATE})`)
  faults.push(...contextFault(`${section}.caFile`, ca === undefined ? {} : { ca }))
  if (cert !== undefined && key !== undefined)
    faults.push(...pairFault(section, { cert: String(cert), key: String(key) }, serverName))
  return faults
}

const CERTIFICATE = '-----BEGIN CERTIFICATE-----'

const NEEDED = 'certificates with their chain, and the private key, are needed in PEM'

function pairFault(section: string, pair: { cert: string; key: string }, serverName?: string): string[] {
  const fault = certificateFault(pair, serverName)
  if (fault === undefined) return []
  return [`${section}.certFile and ${section}.keyFile cannot be used: ${fault}; ${NEEDED}`]
}

function contextFault(option: string, material: SecureContextOptions): string[] {
  try {
    createSecureContext(material)
    return []
  } catch (error) {
    return [`${option} cannot be used: ${(error as Error).message}; ${NEEDED}`]
  }
}

function fileAt(option: string, file: string): { readonly bytes?: Buffer; readonly fault?: string } {
  try {
    return { bytes: readFileSync(file) }
  } catch (error) {
    return {
      fault: `${option} is ${JSON.stringify(file)}, which cannot be read: ${(error as Error).message}`,
    }
  }
}

async function natsFaults({ url, credsFile, nkeyFile }: Config['nats']): Promise<string[]> {
  const faults = urlFaults(() => natsTarget(url), url)
  const ways = [
    ...(credsFile === undefined ? [] : ['nats.credsFile']),
    ...(nkeyFile === undefined ? [] : ['nats.nkeyFile']),
    ...(faults.length === 0 && url.length > 0 && natsTarget(url).credentials !== undefined
      ? ['the credentials in nats.url']
      : []),
  ]
  if (ways.length > 1) faults.push(`${ways.join(' and ')} are set; a node shows one of them to NATS`)
  if (credsFile === undefined && nkeyFile === undefined) return faults
  // Here, so that a node without NATS does not load its client.
  const { isCreds, isNkeySeed } = await import('../drivers/nats-identity.ts')
  if (credsFile !== undefined) faults.push(...identityFaults('nats.credsFile', credsFile, isCreds))
  if (nkeyFile !== undefined) faults.push(...identityFaults('nats.nkeyFile', nkeyFile, isNkeySeed))
  return faults
}

function identityFaults(option: string, file: string, fits: (bytes: Uint8Array) => boolean): string[] {
  const { bytes, fault } = fileAt(option, file)
  if (fault !== undefined) return [fault]
  if (bytes !== undefined && fits(bytes)) return []
  // Nothing of the file is shown: it holds a key.
  const what =
    option === 'nats.credsFile' ? 'a user JWT and its seed, as nsc makes them' : 'the seed of a user (SU…)'
  return [`${option} is ${JSON.stringify(file)}, which does not hold ${what}`]
}
