/**
 * The grants of a cluster, in Redis: a hash for each user, which ends by itself.
 */
import { readFileSync } from 'node:fs'
import type { GrantStore } from './grant-store.ts'
import type { RedisLink } from '../drivers/redis.ts'
import type { RedisScript } from '../drivers/redis-port.ts'

const GRANTS: RedisScript = {
  name: 'sluice_webhooks_grants',
  lua: readFileSync(new URL('scripts/grants.lua', import.meta.url), 'utf8'),
  keyCount: 1,
}

export class RedisGrantStore implements GrantStore {
  readonly #link: RedisLink
  readonly #prefix: string

  constructor(link: RedisLink, keyPrefix = 'sluice') {
    this.#link = link
    this.#prefix = keyPrefix
    link.define(GRANTS)
  }

  async get(user: string, name: string): Promise<string | undefined> {
    const kept = await this.#link.run('hot', GRANTS, [this.#key(user), 'get', name])
    return kept === null ? undefined : (kept as Buffer).toString()
  }

  async put(user: string, name: string, text: string, ttlMs: number): Promise<void> {
    await this.#link.run('hot', GRANTS, [this.#key(user), 'put', name, text, ttlMs])
  }

  async drop(user: string): Promise<void> {
    await this.#link.run('hot', GRANTS, [this.#key(user), 'drop'])
  }

  #key(user: string): string {
    return `${this.#prefix}:grants:{${user}}`
  }
}
