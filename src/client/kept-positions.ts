/**
 * Where a page is on its channels, kept beyond the page: in the storage of the tab or of the device. Of one user at a time, who is known with
 * the first welcome only: until then nothing is made of what is kept. No token, no session and no message is ever stored.
 *
 * A page that ends as pages do (`pagehide`) has kept what it has shown. One that is killed has kept it up to `PAUSE_MS` before, and what
 * it has shown since comes again.
 */
import { withoutQuery } from './address.ts'
import { storeOf, type Store } from './store.ts'
import { isPosition, type Position } from '../protocol/position.ts'
import type { Channel } from './channel.ts'
import { isWithin, positionOf } from './cursor.ts'
import { watchNetwork } from './network.ts'
import type { Socket } from './socket.ts'
import type { Time } from './time.ts'

/** `page`: nothing is kept. `tab`: reloads of the tab. `device`: also new tabs, all pages of this origin. */
export type Resume = 'page' | 'tab' | 'device'

/** More than a gateway allows by default, in some 15 kB. */
const CHANNELS_MAX = 512
/** Longer than most logs go back. */
const AGE_MAX_MS = 7 * 24 * 3600 * 1000
const PAUSE_MS = 5000

/** By channel, with when it was there. */
type Places = Record<string, Position & { readonly ms: number }>

interface Kept {
  readonly user: string
  readonly places: Places
}

export class KeptPositions {
  readonly #store: Store | undefined
  readonly #key: string
  readonly #time: Time
  #user: string | undefined
  /** Of before this page. Each is used once: who leaves a channel and comes back starts anew. */
  #former: Map<string, Position> = new Map()
  #channels: Iterable<Channel> = []
  /** What this page is on, as it was written last. */
  #written: ReadonlyMap<string, unknown> = new Map()
  #cancel: (() => void) | undefined
  #stop: (() => void) | undefined

  constructor(resume: Resume, url: string, time: Time) {
    this.#store = resume === 'page' ? undefined : storeOf(resume === 'tab' ? 'session' : 'local')
    this.#key = `sluice ${withoutQuery(url)}`
    this.#time = time
  }

  /** The user is known. Channels that have no position yet go on from what is kept. */
  welcome(user: string, socket: Socket, channels: Iterable<Channel>): void {
    if (!this.#store) return
    this.#channels = channels
    if (user !== this.#user) this.#former = new Map(Object.entries(this.#read(user)))
    this.#user = user
    for (const channel of channels) {
      const { name, track, from } = channel
      const former = this.take(name)
      if (!former || track.position || from) continue
      track.position = former
      // What was asked for at the beginning does not count: it is asked for again, from there.
      socket.asked.delete(channel)
    }
    this.#stop ??= watchNetwork(() => this.#save())
    this.#cancel ??= this.#later()
  }

  take(name: string): Position | undefined {
    const former = this.#former.get(name)
    this.#former.delete(name)
    return former && positionOf(former)
  }

  /** Writes it down a last time. */
  close(): void {
    this.#save()
    this.#stop?.()
    this.#cancel?.()
    this.#stop = this.#cancel = undefined
    this.#former.clear()
    this.#user = undefined
  }

  #later(): () => void {
    return this.#time.after(PAUSE_MS, () => {
      this.#save()
      this.#cancel = this.#later()
    })
  }

  #save(): void {
    const user = this.#user
    if (user === undefined) return
    const nowMs = this.#time.now()
    // Of other tabs, too, where they share it.
    const places = this.#read(user)
    const here = new Map([...this.#channels].map(({ name, track }) => [name, track.position]))
    for (const name of this.#written.keys()) if (!here.has(name)) delete places[name]
    this.#written = here
    for (const [name, position] of here) {
      const kept = places[name]
      // Another tab may be farther.
      if (position && !isWithin(position, kept)) places[name] = { ...position, ms: nowMs }
    }
    const newest = Object.entries(places).sort(([, a], [, b]) => b.ms - a.ms)
    const kept: Kept = { user, places: Object.fromEntries(newest.slice(0, CHANNELS_MAX)) }
    try {
      // Where nothing has changed, browsers write nothing.
      this.#store?.setItem(this.#key, JSON.stringify(kept))
    } catch {
      // It is full, or forbidden meanwhile: the page goes on without it.
    }
  }

  /** What is good of it: other programs write there too. */
  #read(user: string): Places {
    try {
      const kept = JSON.parse(this.#store?.getItem(this.#key) ?? '{}') as Partial<Kept>
      const sinceMs = this.#time.now() - AGE_MAX_MS
      const good = Object.entries(kept.places ?? {}).filter(
        ([, place]) => isPosition(place) && place.ms > sinceMs,
      )
      if (kept.user === user) return Object.fromEntries(good)
      // Nobody's business any more.
      this.#store?.removeItem(this.#key)
      return {}
    } catch {
      // It is not readable: as if nothing were there.
      return {}
    }
  }
}
