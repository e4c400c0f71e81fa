/**
 * The protocol of Pusher's clients, version 7, of which 5 and 6 are the same to a server.
 */
import type { Apps } from './apps.ts'
import { Cache, type CachePorts } from './cache.ts'
import { CLOSE_CODES, PusherClosing, ToOldClient } from './codes.ts'
import { errorFrame } from './frames.ts'
import { Places, type PlacesPorts } from './places.ts'
import { Rosters, type PresencePort } from './rosters.ts'
import { Speaker } from './speaker.ts'
import type { SpeakerOptions, SpeakerPorts } from './speaker-ports.ts'
import { Counts, type CountPorts } from './counts.ts'
import { Users, type UsersPorts } from './users.ts'
import type { App } from './apps.ts'
import type { Clock } from '../../clock.ts'
import type { Conversation, Dialect, Farewell, Hello, Reception } from '../dialect.ts'
import type { RequestHead } from '../../drivers/uws.ts'
import type { Closing } from '../../errors.ts'

export interface PusherPorts {
  readonly apps: Apps
  readonly reception: Reception
  readonly presence: PresencePort
  readonly clock: Clock
  readonly log: Pick<CachePorts, 'last'>
  readonly missed: CachePorts['missed']
  readonly users: UsersPorts
  readonly counts: CountPorts | undefined
  readonly places: PlacesPorts
}

export interface PusherOptions extends SpeakerOptions {
  readonly cacheTtlMs: number
  /** Before `/app/<key>`, where it is not empty; without it clients come as well. */
  readonly path: string
}

interface PusherHello extends Hello {
  readonly app: App
  readonly protocol: number
}

/** Clients of this version and older are told by an error why they are closed. */
const ERRORS_FIRST = 5
const PATH = /^\/app\/([^/]+)$/

export class Pusher implements Dialect {
  readonly name = 'pusher'
  readonly refuses = (closing: Closing, hello: Hello): Closing =>
    (hello as PusherHello).protocol <= ERRORS_FIRST ? new ToOldClient(closing) : closing
  readonly closeCodes = CLOSE_CODES
  readonly rosters: Rosters
  readonly users: Users
  /** Absent: clients are not told how many are on a channel. */
  readonly counts: Counts | undefined
  readonly cache: Cache
  readonly apps: Apps
  /** What may stand before the paths of clients. */
  readonly prefixes: readonly string[]
  readonly #ports: SpeakerPorts
  readonly #options: SpeakerOptions

  constructor(ports: PusherPorts, options: PusherOptions) {
    const { apps, reception, presence, clock, log, missed, users, counts, places } = ports
    this.users = new Users(users)
    this.counts = counts && new Counts(counts)
    this.apps = apps
    this.rosters = new Rosters(presence)
    this.cache = new Cache(
      { last: (channel, count) => log.last(channel, count), missed, clock },
      options.cacheTtlMs,
    )
    const { cache, rosters } = this
    this.#ports = {
      ...{ reception, cache, rosters, users: this.users, counts: this.counts, clock },
      places: new Places(places),
    }
    this.#options = options
    this.prefixes = ['', ...(options.path === '' ? [] : [options.path])]
  }

  hello({ path, query }: RequestHead): PusherHello {
    const protocol = new URLSearchParams(query).get('protocol')
    const isOld = protocol !== null && Number(protocol) <= ERRORS_FIRST
    const prefix = this.prefixes.findLast((one) => path.startsWith(`${one}/app/`)) ?? ''
    const [, key] = PATH.exec(path.slice(prefix.length)) ?? []
    if (key === undefined)
      throw new PusherClosing('badPath', 'not_found', 'clients connect to /app/<key>', isOld)
    if (protocol === null)
      throw new PusherClosing('noProtocol', 'bad_request', 'protocol is missing in the URL', isOld)
    if (!/^\d+$/.test(protocol))
      throw new PusherClosing('badVersion', 'bad_request', 'protocol must be a number', isOld)
    if (!/^[567]$/.test(protocol))
      throw new PusherClosing('badProtocol', 'bad_request', 'protocol must be 5, 6 or 7', isOld)
    const app = this.apps.ofKey(key)
    if (app === undefined)
      throw new PusherClosing('noApp', 'not_found', 'there is no app with this key', isOld)
    // Nothing in the handshake says who it is, or that it was here before.
    return {
      ...{ token: undefined, ticket: undefined, turns: undefined, subprotocol: '' },
      ...{ app, protocol: Number(protocol) },
    }
  }

  converse(hello: Hello): Conversation<Buffer> {
    // It is one of those that were made above.
    const { app, protocol } = hello as PusherHello
    return new Speaker(app, protocol, this.#ports, this.#options)
  }

  farewell(closing: Closing, conversation: Conversation): Farewell {
    const own = closing instanceof PusherClosing ? closing : undefined
    const isOld =
      closing instanceof ToOldClient ||
      (conversation instanceof Speaker && conversation.protocol <= ERRORS_FIRST)
    const code = own?.closeCode ?? CLOSE_CODES[closing.why]
    const text = isOld || own?.toOldClient === true ? errorFrame(code, closing.message) : undefined
    return { text, reason: closing.message, code }
  }
}
