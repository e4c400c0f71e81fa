/**
 * The apps of a node: whose key it is, and where an app's channels are among those of the gateway.
 */
import { randomBytes } from 'node:crypto'
import { CHANNELS_MAX } from './attributes.ts'
import type { Credential } from './signatures.ts'
import { FULL_AT_MS, rateOf, take } from '../../admission/bucket.ts'
import { PatternPermissions, type Permissions } from '../../auth/permissions.ts'

/** 0 is no limit. `connections`: of the cluster, the others of one node. */
export interface AppLimits {
  readonly connections: number
  readonly eventsPerSecond: number
  readonly clientEventsPerSecond: number
}

const NO_LIMITS: AppLimits = { connections: 0, eventsPerSecond: 0, clientEventsPerSecond: 0 }

export class App {
  readonly id: string
  /** Before the names of its channels: nothing of one app is seen in another. */
  readonly prefix: string
  /** Several while one is replaced. */
  readonly credentials: Credential[] = []
  /** Of all its clients: which of its channels one may have its conversation knows, by what the app has signed. */
  readonly permissions: Permissions
  readonly limits: AppLimits
  /** Its clients on this node, as `Places` counts them. */
  connections = 0
  #eventsFullAtMs = FULL_AT_MS
  #clientEventsFullAtMs = FULL_AT_MS

  constructor(id: string, prefix: string, limits: AppLimits = NO_LIMITS) {
    this.id = id
    this.limits = limits
    this.prefix = prefix
    const all = [`${prefix}*`]
    this.permissions = new PatternPermissions(all, all)
  }

  /** Takes so many events of its backend; false: they are too many for now. */
  mayPublish(events: number, nowMs: number): boolean {
    const fullAtMs = taken(this.#eventsFullAtMs, nowMs, events, this.limits.eventsPerSecond)
    if (fullAtMs !== undefined) this.#eventsFullAtMs = fullAtMs
    return fullAtMs !== undefined
  }

  /** Takes an event of one of its clients. */
  mayWhisper(nowMs: number): boolean {
    const fullAtMs = taken(this.#clientEventsFullAtMs, nowMs, 1, this.limits.clientEventsPerSecond)
    if (fullAtMs !== undefined) this.#clientEventsFullAtMs = fullAtMs
    return fullAtMs !== undefined
  }

  /** The user of one connection, whom nobody can name. */
  newGuest(): string {
    return `pusher-${this.id}-${randomBytes(12).toString('base64url')}`
  }
}

/** 0: no limit. A burst of what a publish may have at once is allowed beyond. */
function taken(fullAtMs: number, nowMs: number, count: number, perSecond: number): number | undefined {
  const rate = rateOf(perSecond, Math.max(perSecond, CHANNELS_MAX))
  return rate === undefined ? fullAtMs : take(fullAtMs, nowMs, count, rate)
}

/** Among the names that nodes count connections of: no channel's name has a blank. */
const APP_NAME = 'app '

export function appName({ id }: App): string {
  return `${APP_NAME}${id}`
}

/** An entry of `dialects.pusher.apps`. A secret may have colons. */
const ENTRY = /^([^:\s]+):([^:\s]+):([^:\s]+):(\S+)$/

export class Apps {
  readonly #byId = new Map<string, App>()
  readonly #byKey = new Map<string, App>()

  /** Of entries that the configuration has checked. */
  constructor(entries: readonly string[], limits: Readonly<Record<string, AppLimits>> = {}) {
    for (const entry of entries) {
      const [, id = '', namespace = '', key = '', secret = ''] = ENTRY.exec(entry) ?? []
      const app = this.#byId.get(id) ?? new App(id, `${namespace}:`, limits[id])
      app.credentials.push({ key, secret })
      this.#byId.set(id, app)
      // Of the configuration no two apps have the same one.
      this.#byKey.set(key, app)
    }
  }

  all(): IterableIterator<App> {
    return this.#byId.values()
  }

  /** How many clients are here of the app that is counted under this name (`appName`); `undefined`: none is. */
  connectionsOf(name: string): number | undefined {
    return name.startsWith(APP_NAME) ? this.#byId.get(name.slice(APP_NAME.length))?.connections : undefined
  }

  get(id: string): App | undefined {
    return this.#byId.get(id)
  }

  /** The app that a client names by one of its keys. */
  ofKey(key: string): App | undefined {
    return this.#byKey.get(key)
  }
}
