/**
 * What the schema of the configuration cannot see: keys that are none, files that are not there. Part of the composition.
 */
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { parseApiKeys } from './auth/api-keys.ts'
import { AuthConfigError } from './auth/config-error.ts'
import { KeyRing } from './auth/key-ring.ts'
import type { Config } from './config/schema.ts'
import { redisTarget } from './drivers/redis-url.ts'

/** Everything that would keep a node from starting with this configuration, a sentence each. Opens no connection. */
export function faultsOf(config: Config): string[] {
  return [
    ...faultOf(() => parseApiKeys(config.api.keys, { allowWeak: true })),
    ...faultOf(() => new KeyRing({ ...config.auth, allowWeakSecret: true }, NO_CLOCK, NO_EVENTS)),
    ...redisFaults(config.redis.url),
    ...(config.tls === undefined ? [] : tlsFaults(config.tls)),
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

function redisFaults(urls: readonly string[]): string[] {
  if (urls.length === 0) return []
  try {
    redisTarget(urls)
    return []
  } catch (error) {
    if (error instanceof TypeError) return [error.message]
    throw error
  }
}

function tlsFaults({ certFile, keyFile }: NonNullable<Config['tls']>): string[] {
  const faults: string[] = []
  const read = (option: string, file: string): Buffer | undefined => {
    try {
      return readFileSync(file)
    } catch (error) {
      faults.push(`${option} is ${JSON.stringify(file)}, which cannot be read: ${(error as Error).message}`)
      return undefined
    }
  }
  const cert = read('tls.certFile', certFile)
  const key = read('tls.keyFile', keyFile)
  if (cert === undefined || key === undefined) return faults
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    faults.push(
      `tls.certFile and tls.keyFile cannot be used: ${(error as Error).message}; a certificate with its chain and its private key, both in PEM, are needed`,
    )
  }
  return faults
}
