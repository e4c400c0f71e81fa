/**
 * The apps of a node: whose key it is, and where an app's channels are among those of the gateway.
 */
import { randomBytes } from 'node:crypto'
import type { Credential } from './signatures.ts'
import { PatternPermissions, type Permissions } from '../../auth/permissions.ts'

export class App {
  readonly id: string
  /** Before the names of its channels: nothing of one app is seen in another. */
  readonly prefix: string
  /** Several while one is replaced. */
  readonly credentials: Credential[] = []
  /** Of all its clients: which of its channels one may have its conversation knows, by what the app has signed. */
  readonly permissions: Permissions

  constructor(id: string, prefix: string) {
    this.id = id
    this.prefix = prefix
    const all = [`${prefix}*`]
    this.permissions = new PatternPermissions(all, all)
  }

  /** The user of one connection, whom nobody can name. */
  newGuest(): string {
    return `pusher-${this.id}-${randomBytes(12).toString('base64url')}`
  }
}

/** An entry of `dialects.pusher.apps`. A secret may have colons. */
const ENTRY = /^([^:\s]+):([^:\s]+):([^:\s]+):(\S+)$/

export class Apps {
  readonly #byId = new Map<string, App>()
  readonly #byKey = new Map<string, App>()

  /** Of entries that the configuration has checked. */
  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      const [, id = '', namespace = '', key = '', secret = ''] = ENTRY.exec(entry) ?? []
      const app = this.#byId.get(id) ?? new App(id, `${namespace}:`)
      app.credentials.push({ key, secret })
      this.#byId.set(id, app)
      // Of the configuration no two apps have the same one.
      this.#byKey.set(key, app)
    }
  }

  all(): IterableIterator<App> {
    return this.#byId.values()
  }

  get(id: string): App | undefined {
    return this.#byId.get(id)
  }

  /** The app that a client names by one of its keys. */
  ofKey(key: string): App | undefined {
    return this.#byKey.get(key)
  }
}
