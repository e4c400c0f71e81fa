import { readFileSync } from 'node:fs'
import type { RedisScript } from '../drivers/redis.ts'

/** A script of the registry, with what they share in front of it. */
export function registryScript(name: string, keyCount: number): RedisScript {
  const lua = ['time', name].map((file) =>
    readFileSync(new URL(`scripts/${file}.lua`, import.meta.url), 'utf8'),
  )
  return { name: `sluice_registry_${name}`, lua: lua.join('\n'), keyCount }
}
