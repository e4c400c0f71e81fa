/**
 * The scripts of the registry: how they are read, called, and what they answer.
 */
import { readFileSync } from 'node:fs'
import type { RedisArgument, RedisLane, RedisScript } from '../drivers/redis-port.ts'

/** Calls one of them. */
export type Run = (lane: RedisLane, what: RedisScript, args: readonly RedisArgument[]) => Promise<unknown>

/** A script of the registry, with what they share in front of it, and what only some of them do. */
export function registryScript(name: string, keyCount: number, shared: readonly string[] = []): RedisScript {
  const lua = ['time', ...shared, name].map((file) =>
    readFileSync(new URL(`scripts/${file}.lua`, import.meta.url), 'utf8'),
  )
  return { name: `sluice_registry_${name}`, lua: lua.join('\n'), keyCount }
}

export function texts(bytes: readonly Buffer[]): string[] {
  return bytes.map((one) => one.toString())
}
