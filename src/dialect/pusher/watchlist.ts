/**
 * Whom somebody who has signed in wants to see come and go. That a user is online is presence in a channel of his own, which no client can
 * name: so it is known on all nodes, and who is back within a moment was never away.
 */
import type { User } from './admitting.ts'
import type { App } from './apps.ts'
import { watchlistEvents, type Member } from './frames.ts'
import type { Guest } from './roster.ts'
import type { Rosters } from './rosters.ts'
import { jitter, type Clock } from '../../clock.ts'
import { SluiceError } from '../../errors.ts'

export interface WatchlistPorts {
  readonly rosters: Rosters
  readonly clock: Clock
}

/** A sight of somebody that cannot be had now is tried again. */
const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 3000
/** Nobody's id. */
const NOBODY: Member = { id: '', info: undefined }

export class Watchlist {
  readonly #client: { say(frame: string): void }
  readonly #ports: WatchlistPorts
  readonly #app: App
  /** What is to be left again, by channel. */
  readonly #left: (() => void)[] = []
  /** Who is online; filled before the client is told of anything. */
  readonly #online = new Map<string, boolean>()
  #told = false
  #closed = false

  constructor(client: { say(frame: string): void }, app: App, ports: WatchlistPorts) {
    this.#client = client
    this.#app = app
    this.#ports = ports
  }

  /** The user is online from now on, and is told of those in his list. Waits for stores that are away. */
  async begin({ id }: User, watched: readonly string[]): Promise<void> {
    const { rosters } = this.#ports
    const own = onlineChannel(this.#app, id)
    const self: Guest = { member: { id, info: undefined }, come: ignore, went: ignore }
    await this.#open(own, () => {
      rosters.enter(own, self)
      return () => rosters.leave(own, self)
    })
    await Promise.all(watched.map((one) => this.#watch(one)))
    if (this.#closed || watched.length === 0) return
    this.#told = true
    this.#tell([...this.#online])
  }

  close(): void {
    this.#closed = true
    for (const leave of this.#left.splice(0)) leave()
  }

  async #watch(id: string): Promise<void> {
    const { rosters } = this.#ports
    const channel = onlineChannel(this.#app, id)
    const guest: Guest = {
      member: NOBODY,
      come: () => this.#is(id, true),
      went: () => this.#is(id, false),
    }
    await this.#open(channel, (isThere) => {
      this.#online.set(id, isThere(id))
      rosters.watch(channel, guest)
      return () => rosters.unwatch(channel, guest)
    })
  }

  /** Until it can be had, or nobody wants it any more. */
  async #open(channel: string, enter: (isThere: (id: string) => boolean) => () => void): Promise<void> {
    const { rosters, clock } = this.#ports
    while (!this.#closed) {
      try {
        const roster = await rosters.open(channel)
        // eslint-disable-next-line typescript/no-unnecessary-condition -- it may have closed meanwhile
        if (this.#closed) rosters.release(channel)
        else this.#left.push(enter((id) => roster.has(id)))
        return
      } catch (error) {
        if (!(error instanceof SluiceError) || !error.retryable) throw error
        // Presence says itself that its store is away; who watches is told once it is back.
        await new Promise<void>((resolve) => clock.after(jitter(clock, RETRY_MIN_MS, RETRY_MAX_MS), resolve))
      }
    }
  }

  #is(id: string, online: boolean): void {
    if (this.#online.get(id) === online) return
    this.#online.set(id, online)
    if (this.#told) this.#tell([[id, online]])
  }

  #tell(states: readonly (readonly [id: string, online: boolean])[]): void {
    const of = (wanted: boolean): string[] => states.flatMap(([id, is]) => (is === wanted ? [id] : []))
    this.#client.say(watchlistEvents(of(true), of(false)))
  }
}

/** No channel of anybody: a name of Pusher's has no blank. */
function onlineChannel({ prefix }: App, user: string): string {
  return `${prefix}online ${user}`
}

function ignore(): void {}
