import { readFileSync } from 'node:fs'
import type { RedisScript } from '../drivers/redis.ts'

/** A script of the registry, with what they share in front of it, and what only some of them do. */
export function registryScript(name: string, keyCount: number, shared: readonly string[] = []): RedisScript {
  const lua = ['time', ...shared, name].map((file) =>
    readFileSync(new URL(`scripts/${file}.lua`, import.meta.url), 'utf8'),
  )
  return { name: `sluice_registry_${name}`, lua: lua.join('\n'), keyCount }
}
