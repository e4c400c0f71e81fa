/**
 * The apps of a node: whose key it is, and where an app's channels are among those of the gateway. Pure.
 */
import type { Credential } from './signatures.ts'

export interface App {
  readonly id: string
  /** Several while one is replaced. */
  readonly credentials: readonly Credential[]
  /** Before the names of its channels: nothing of one app is seen in another. */
  readonly prefix: string
}

/** An entry of `dialects.pusher.apps`. A secret may have colons. */
const ENTRY = /^([^:\s]+):([^:\s]+):([^:\s]+):(\S+)$/

export class Apps {
  readonly #byId = new Map<string, App>()

  /** Of entries that the configuration has checked. */
  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      const [, id = '', namespace = '', key = '', secret = ''] = ENTRY.exec(entry) ?? []
      const credentials = [...(this.#byId.get(id)?.credentials ?? []), { key, secret }]
      this.#byId.set(id, { id, credentials, prefix: `${namespace}:` })
    }
  }

  get(id: string): App | undefined {
    return this.#byId.get(id)
  }

  /** The app that a client names by one of its keys. */
  ofKey(key: string): App | undefined {
    for (const app of this.#byId.values()) if (app.credentials.some((one) => one.key === key)) return app
    return undefined
  }
}
