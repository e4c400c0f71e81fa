/**
 * The registry in the memory of this process: for a gateway of one node, or for several nodes in one process that
 * share it.
 */
import { Departures, type Detached } from './memory-detached.ts'
import { MemoryShelves, MemoryVersions } from './memory-shelves.ts'
import { MemoryStanding } from './memory-standing.ts'
import type {
  Claimed,
  Elsewhere,
  NodeInfo,
  Orders,
  Place,
  Registry,
  RegistryOptions,
  Shelf,
  Standing,
  StandingWish,
  Swapped,
} from './registry.ts'
import type { Answer } from '../answer.ts'
import type { Clock, Timer } from '../clock.ts'
import { KeyedTable } from '../keyed-table.ts'
import { Rounds } from '../rounds.ts'

/** A session of a user. His sessions are a list: most users have one, and a map for each would be most of the memory. */
interface Entry {
  readonly user: string
  readonly session: string
  next: Entry | undefined
  /** The node that it is connected to: nearly all are. */
  at: string | Detached
  /** When it was claimed last, as the number of the claim. */
  claim: number
}

interface NodeEntry {
  /** `undefined`: it has claimed a session, but not entered itself yet. */
  info: NodeInfo | undefined
  seenMs: number
  left: boolean
}

interface Order {
  /** The moment, or the claim, up to which it applies. */
  readonly upTo: number
  readonly decidedMs: number
  readonly untilMs: number
}

/** All users are looked at once within this time, a share of them at each tick. */
const SWEEP_ROUND_MS = 60_000
const SWEEP_TICK_MS = 500

export class MemoryRegistry implements Registry {
  readonly #options: RegistryOptions
  readonly #clock: Clock
  readonly #users = new KeyedTable<Entry>(({ user }) => user)
  readonly #nodes = new Map<string, NodeEntry>()
  readonly #revocations = new Map<string, Order>()
  readonly #disconnections = new Map<string, Order>()
  readonly #standing = new MemoryStanding()
  readonly #shelves = new MemoryShelves()
  readonly #versions = new MemoryVersions()
  readonly #sweep: Timer
  readonly #departures = new Departures()
  /**
   * Claims are numbered by the milliseconds since then: a number that is so small is part of the object that has it, where milliseconds since
   * 1970 are another object, for each session twice. After 24 days they are again.
   */
  readonly #numberedFromMs: number
  readonly #rounds = new Rounds(
    SWEEP_ROUND_MS / SWEEP_TICK_MS,
    () => this.#users.size,
    () => this.#users.values(),
  )

  constructor(options: RegistryOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#numberedFromMs = clock.now()
    this.#sweep = clock.every(SWEEP_TICK_MS, () => this.#sweepSome())
  }

  /** For tests and metrics: how many users are remembered. */
  get userCount(): number {
    return this.#users.size
  }

  /** Nodes of one process hear of one another. */
  watch(): void {}

  recheck(): void {}

  claim(user: string, session: string, node: string): Answer<Claimed> {
    const nowMs = this.#clock.monotonicMs()
    const entry = this.#find(user, session)
    const known = entry !== undefined && this.#known(entry, nowMs)
    const previousNode = known && this.#alive(nodeOf(entry), nowMs) ? nodeOf(entry) : undefined
    const detachedMs = known && typeof entry.at === 'object' ? entry.at.sinceMs : undefined
    const claim = this.#take(user, entry ?? session, node)
    const standing = this.#standing.of(user, nowMs)
    // In one process a node that claims is alive, heartbeat or not.
    if (!this.#nodes.has(node)) this.#nodes.set(node, { info: undefined, seenMs: Infinity, left: false })
    const revokedBeforeMs = this.#revokedBeforeMs(user, nowMs)
    const sessions = this.#places(user, nowMs).length
    const claimed = { claim, known, previousNode, revokedBeforeMs, sessions }
    if (detachedMs === undefined && standing.length === 0) return claimed
    return {
      ...claimed,
      ...(detachedMs === undefined ? {} : { detachedForMs: nowMs - detachedMs }),
      ...(standing.length === 0 ? {} : { standing }),
    }
  }

  release(user: string, session: string, node: string): Promise<void> {
    const entry = this.#find(user, session)
    if (entry?.at === node) entry.at = this.#departures.from(node, this.#clock.monotonicMs())
    return Promise.resolve()
  }

  keep(user: string, session: string, node: string): Promise<Elsewhere | undefined> {
    const nowMs = this.#clock.monotonicMs()
    const entry = this.#find(user, session)
    const at = entry?.at
    if (entry !== undefined && typeof at === 'string' && at !== node && this.#alive(at, nowMs))
      return Promise.resolve({ node: at, forMs: Math.max(0, this.#claimNow() - entry.claim) })
    if (at !== node) this.#take(user, entry ?? session, node)
    return Promise.resolve(undefined)
  }

  locate(user: string): readonly Place[] {
    return this.#places(user, this.#clock.monotonicMs())
  }

  #places(user: string, nowMs: number): Place[] {
    let places: Place[] | undefined
    for (let entry = this.#users.get(user); entry !== undefined; entry = entry.next) {
      const { session, at: node } = entry
      if (typeof node !== 'string' || !this.#alive(node, nowMs)) continue
      // Most users have one: what is pushed to an empty list makes room for seventeen.
      if (places === undefined) places = [{ session, node }]
      else places.push({ session, node })
    }
    return places ?? []
  }

  revoke(user: string, beforeMs: number, ttlMs: number): Promise<void> {
    this.#order(this.#revocations, user, beforeMs, ttlMs)
    return Promise.resolve()
  }

  disconnect(user: string, ttlMs: number): Promise<number> {
    let claim = this.#claimNow()
    for (let entry = this.#users.get(user); entry !== undefined; entry = entry.next)
      claim = Math.max(claim, entry.claim)
    this.#order(this.#disconnections, user, claim, ttlMs)
    return Promise.resolve(claim)
  }

  async putOn(user: string, wish: StandingWish): Promise<void> {
    this.#standing.putOn(user, wish, this.#moment())
  }

  async takeOff(user: string, wish: StandingWish): Promise<void> {
    this.#standing.takeOff(user, wish, this.#moment())
  }

  standing(user: string): Promise<readonly Standing[]> {
    return Promise.resolve(this.#standing.of(user, this.#clock.monotonicMs()))
  }

  orders(sinceMs: number): Promise<Orders> {
    const since = (all: ReadonlyMap<string, Order>): ReadonlyMap<string, number> =>
      new Map(
        [...all]
          .filter(([, { decidedMs, untilMs }]) => decidedMs >= sinceMs && untilMs > this.#clock.monotonicMs())
          .map(([user, { upTo }]) => [user, upTo]),
      )
    const [revoked, disconnected] = [since(this.#revocations), since(this.#disconnections)]
    const changed = this.#standing.changedSince(sinceMs, this.#clock.monotonicMs())
    return Promise.resolve({ nowMs: this.#clock.now(), complete: true, revoked, disconnected, changed })
  }

  revoked(user: string): Promise<number | undefined> {
    return Promise.resolve(this.#revokedBeforeMs(user, this.#clock.monotonicMs()))
  }

  heartbeat(node: NodeInfo): Promise<void> {
    // A node that has left and is heard again was only late with its farewell.
    this.#nodes.set(node.id, { info: node, seenMs: this.#clock.monotonicMs(), left: false })
    return Promise.resolve()
  }

  nodes(): Promise<readonly NodeInfo[]> {
    const nowMs = this.#clock.monotonicMs()
    const alive: NodeInfo[] = []
    for (const [id, { info }] of this.#nodes)
      if (info !== undefined && this.#alive(id, nowMs)) alive.push(info)
    return Promise.resolve(alive)
  }

  leave(node: string): Promise<void> {
    const entry = this.#nodes.get(node)
    if (entry !== undefined) {
      entry.left = true
      entry.seenMs = this.#clock.monotonicMs()
    }
    return Promise.resolve()
  }

  firstSeen(version: string, knownMs: number | undefined): Promise<number> {
    return Promise.resolve(this.#versions.firstSeen(version, knownMs, this.#clock.now()))
  }

  put(shelf: Shelf, key: string, text: string, ttlMs: number): Promise<void> {
    const nowMs = this.#clock.monotonicMs()
    this.#shelves.put(shelf, key, { text, untilMs: nowMs + ttlMs }, nowMs)
    return Promise.resolve()
  }

  take(shelf: Shelf, key: string): Promise<boolean> {
    return Promise.resolve(this.#shelves.take(shelf, key, this.#clock.monotonicMs()))
  }

  read(shelf: Shelf, keys?: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return Promise.resolve(this.#shelves.read(shelf, keys, this.#clock.monotonicMs()))
  }

  swap(shelf: Shelf, key: string, before: string | undefined, text: string, ttlMs: number): Promise<Swapped> {
    const nowMs = this.#clock.monotonicMs()
    const done = this.#shelves.swap(shelf, key, before, { text, untilMs: nowMs + ttlMs }, nowMs)
    return Promise.resolve({ done, nowMs: this.#clock.now() })
  }

  healthy(): boolean {
    return true
  }

  /** Only the clean-up ends: other nodes of the process may share the registry. */
  close(): Promise<void> {
    this.#sweep.cancel()
    return Promise.resolve()
  }

  /** Answers the number of the claim. */
  #take(user: string, entry: Entry | string, node: string): number {
    const now = this.#claimNow()
    // A session changes nodes within a millisecond too.
    const claim = typeof entry === 'string' ? now : Math.max(now, entry.claim + 1)
    if (typeof entry === 'string')
      this.#users.set({ user, session: entry, next: this.#users.get(user), at: node, claim })
    else {
      entry.at = node
      entry.claim = claim
    }
    return claim
  }

  /** The number of a claim at this moment. From 1, also where the clock is set back: 0 is before every claim. */
  #claimNow(): number {
    return Math.max(1, this.#clock.now() - this.#numberedFromMs + 1)
  }

  #alive(node: string, nowMs: number): boolean {
    const entry = this.#nodes.get(node)
    return entry !== undefined && !entry.left && nowMs - entry.seenMs <= this.#options.nodeTtlMs
  }

  /** Connected, or detached for less than `sessionTtlMs`; what a dead node held was detached when it was last seen. */
  #known({ at }: Entry, nowMs: number): boolean {
    if (typeof at === 'string' && this.#alive(at, nowMs)) return true
    const sinceMs = typeof at === 'string' ? this.#nodes.get(at)?.seenMs : at.sinceMs
    return sinceMs !== undefined && nowMs - sinceMs < this.#options.sessionTtlMs
  }

  #revokedBeforeMs(user: string, nowMs: number): number | undefined {
    return live(this.#revocations, user, nowMs)?.upTo
  }

  #moment(): { nowMs: number; monotonicMs: number } {
    return { nowMs: this.#clock.now(), monotonicMs: this.#clock.monotonicMs() }
  }

  /** An earlier one is neither taken back nor shortened. */
  #order(orders: Map<string, Order>, user: string, upTo: number, ttlMs: number): void {
    const nowMs = this.#clock.monotonicMs()
    const earlier = live(orders, user, nowMs)
    orders.set(user, {
      upTo: Math.max(upTo, earlier?.upTo ?? 0),
      decidedMs: this.#clock.now(),
      untilMs: Math.max(nowMs + ttlMs, earlier?.untilMs ?? 0),
    })
  }

  #sweepSome(): void {
    const nowMs = this.#clock.monotonicMs()
    if (this.#rounds.tick(({ user }) => this.#sweepUser(user, nowMs))) this.#sweepRest(nowMs)
  }

  #sweepRest(nowMs: number): void {
    this.#standing.sweep(nowMs)
    for (const orders of [this.#revocations, this.#disconnections])
      for (const user of orders.keys()) live(orders, user, nowMs)
    for (const [id, node] of this.#nodes) {
      // What it held is unknown by now, and goes with the next round.
      if (nowMs - node.seenMs > this.#options.nodeTtlMs + this.#options.sessionTtlMs) this.#nodes.delete(id)
    }
  }

  #sweepUser(user: string, nowMs: number): void {
    let kept: Entry | undefined
    for (let entry = this.#users.get(user); entry !== undefined;) {
      const { next } = entry
      if (this.#known(entry, nowMs)) {
        entry.next = kept
        kept = entry
      }
      entry = next
    }
    if (kept === undefined) this.#users.delete(user)
    else this.#users.set(kept)
  }

  #find(user: string, session: string): Entry | undefined {
    let entry = this.#users.get(user)
    while (entry !== undefined && entry.session !== session) entry = entry.next
    return entry
  }
}

function nodeOf({ at }: Entry): string {
  return typeof at === 'string' ? at : at.node
}

function live(orders: Map<string, Order>, user: string, nowMs: number): Order | undefined {
  const order = orders.get(user)
  if (order === undefined || order.untilMs > nowMs) return order
  orders.delete(user)
  return undefined
}
