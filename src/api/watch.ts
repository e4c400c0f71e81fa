/**
 * GET /v1/watch: the cluster as it changes, as a stream. The node looks once a second for all who watch at it, and not at all
 * while nobody does; what has not changed is not sent again.
 */
import type { ApiStream, Route } from './route.ts'
import { namedEvent } from './stream.ts'
import type { Clock, Timer } from '../clock.ts'
import type { NodeTable } from '../cluster/membership.ts'
import type { Orders } from '../cluster/orders.ts'
import type { JobView, ListedJob } from '../drain/job-view.ts'
import { asSluiceError } from '../errors.ts'

export interface WatchPorts {
  readonly nodeId: string
  readonly version: string
  readonly clock: Pick<Clock, 'now' | 'every'>
  /** Fails with `unavailable`. */
  readonly table: () => Promise<NodeTable>
  readonly orders: () => Orders
  /** The version that clients go to. */
  readonly target: () => string
  /** Of those that run. Fails with `unavailable`. */
  readonly running: () => Promise<readonly JobView[]>
  /** Those that have ended, without what became of whom. Fails with `unavailable`. */
  readonly ended: () => Promise<readonly ListedJob[]>
  readonly failed: (what: string, error: unknown) => void
}

const LOOK_INTERVAL_MS = 1000
/** Those that have ended are read when one has, and so often in any case. */
const ENDED_LOOKS = 30
/** The newest of them; the others are in GET /v1/drains. */
const ENDED_MAX = 30

type Sight = ReadonlyMap<string, string>

class Watcher {
  readonly #stream: ApiStream
  readonly #sent = new Map<string, string>()
  #latest: Sight = new Map()

  constructor(stream: ApiStream) {
    this.#stream = stream
  }

  show(sight: Sight): void {
    this.#latest = sight
    this.writable()
  }

  /** Who reads slowly gets what is so now, not all that was. */
  writable(): void {
    for (const [name, json] of this.#latest) {
      if (this.#stream.slow) return
      if (this.#sent.get(name) === json) continue
      this.#sent.set(name, json)
      this.#stream.write(namedEvent(name, json))
    }
  }
}

export class Watch {
  readonly #ports: WatchPorts
  readonly #watchers = new Set<Watcher>()
  #timer: Timer | undefined
  #looking = false
  #sight: Sight = new Map()
  #ended: { readonly of: string; readonly jobs: readonly ListedJob[]; readonly looks: number } | undefined

  constructor(ports: WatchPorts) {
    this.#ports = ports
  }

  add(stream: ApiStream): void {
    const watcher = new Watcher(stream)
    const { nodeId: node, version, clock } = this.#ports
    const hello = { node, version, now: clock.now(), intervalMs: LOOK_INTERVAL_MS }
    stream.write(namedEvent('hello', JSON.stringify(hello)))
    if (this.#watchers.size > 0) watcher.show(this.#sight)
    this.#watchers.add(watcher)
    this.#timer ??= clock.every(LOOK_INTERVAL_MS, () => void this.#look())
    if (this.#watchers.size === 1) void this.#look()
    stream.onWritable(() => watcher.writable())
    // Last: whoever is not there has gone already.
    stream.onGone(() => this.#remove(watcher))
  }

  #remove(watcher: Watcher): void {
    this.#watchers.delete(watcher)
    if (this.#watchers.size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }

  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      // Each for itself: the table of nodes is shown while the registry is away.
      const [cluster, jobs] = await Promise.all([this.#cluster(), this.#jobs()])
      this.#sight = new Map([
        ['cluster', cluster],
        ['jobs', jobs],
      ])
      for (const watcher of this.#watchers) watcher.show(this.#sight)
    } catch (error) {
      this.#ports.failed('a look at the cluster for whoever watches it', error)
    } finally {
      this.#looking = false
    }
  }

  async #cluster(): Promise<string> {
    const { table, orders, target } = this.#ports
    const { nodes, stale } = await table()
    const { target: ordered, cordons } = orders()
    return JSON.stringify({
      nodes,
      ...(stale ? { stale } : {}),
      target: { version: target(), ...(ordered === undefined ? {} : { by: ordered.by, at: ordered.at }) },
      cordons,
    })
  }

  async #jobs(): Promise<string> {
    const { running, ended } = this.#ports
    try {
      const views = await running()
      const of = views.map(({ id }) => id).join()
      const known = this.#ended
      this.#ended =
        known !== undefined && known.of === of && known.looks < ENDED_LOOKS
          ? { ...known, looks: known.looks + 1 }
          : { of, jobs: (await ended()).slice(0, ENDED_MAX), looks: 0 }
      return JSON.stringify({ running: views, ended: this.#ended.jobs })
    } catch (error) {
      const { code, message } = asSluiceError(error)
      if (code !== 'unavailable') throw error
      return JSON.stringify({ unavailable: message })
    }
  }
}

export function watchRoute(watch: Watch): Route {
  return {
    method: 'GET',
    path: '/v1/watch',
    scope: 'admin',
    handle: () => ({ status: 200, stream: (stream) => watch.add(stream) }),
  }
}
