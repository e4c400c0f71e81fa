/**
 * The registry in Redis: a hash per user with his sessions, and one hash with all nodes.
 *
 * A connect costs one write, a disconnect another, and in between nothing is written for a user, except that his hash
 * is made to live on a few times a day. A node's death is written nowhere either: whoever reads a session looks at when
 * its node was last heard of. Redis may come back empty; then each node enters again what it holds.
 */
import { NodeTable, pairs, parseSessionEntry } from './node-table.ts'
import {
  VERSION_TTL_MS,
  VERSIONS_MAX,
  type Claimed,
  type Elsewhere,
  type NodeInfo,
  type Orders,
  type Place,
  type Registry,
  type RegistryWatcher,
  type Shelf,
  type Standing,
  type StandingWish,
  type Swapped,
} from './registry.ts'
import { ORDER_SCRIPTS, RedisOrders } from './redis-orders.ts'
import { keysOf, type RegistryKeys } from './redis-keys.ts'
import { KEY_PREFIX, SESSIONS_PER_USER_MAX, type RedisRegistryOptions } from './redis-options.ts'
import { registryScript, texts, type Run } from './redis-scripts.ts'
import { RedisShelves, SHELF_SCRIPTS } from './redis-shelves.ts'
import { RedisStanding, STANDING_SCRIPTS, standingOf } from './redis-standing.ts'
import type { Clock, Timer } from '../clock.ts'
import type { RedisLink } from '../drivers/redis.ts'
import type { RedisArgument, RedisLane, RedisScript } from '../drivers/redis-port.ts'
import { SluiceError } from '../errors.ts'

/** How long a user's hash lives on by itself. It only has to end where no node is left to care. */
const USER_TTL_MS = 86_400_000
/** Within this time every user that a node holds is made to live on once. */
const KEEP_ROUND_MS = USER_TTL_MS / 3
/** A session changes hands between two looks at it so often at most. */
const KEEP_ATTEMPTS_MAX = 3
/** When sessions are entered again, so many are under way at a time, with a pause in between. */
const RESTORE_BATCH = 100
const RESTORE_PAUSE_MS = 20
/** When they are only compared, all nodes do so at once, and none is in a hurry. */
const RECHECK_PAUSE_MS = 100
/** The nodes do not all begin at once when Redis is back. */
const RESTORE_SPREAD_MS = 1_000
/** The table of nodes is read again when it is older than this part of the time after which a node is dead. */
const TABLE_AGE = 1 / 10

const CLAIM = registryScript('claim', 3)
const KEEP = registryScript('keep', 1)
const REVOKED = registryScript('revoked', 1)
const DISCONNECT = registryScript('disconnect', 1)
const RELEASE = registryScript('release', 1)
const FORGET = registryScript('forget', 1)
const REVOKE = registryScript('revoke', 1)
const HEARTBEAT = registryScript('heartbeat', 1)
const LEAVE = registryScript('leave', 1)
const NODES = registryScript('nodes', 1)
const FIRST_SEEN = registryScript('first-seen', 1)
const OWN_SCRIPTS = [CLAIM, KEEP, RELEASE, FORGET, REVOKE, REVOKED, DISCONNECT, HEARTBEAT, LEAVE, NODES]
const SCRIPTS = [...OWN_SCRIPTS, FIRST_SEEN, ...SHELF_SCRIPTS, ...ORDER_SCRIPTS, ...STANDING_SCRIPTS]

interface Held {
  readonly user: string
  readonly node: string
  /** The number of the claim. */
  readonly claim: number
}

export class RedisRegistry implements Registry {
  readonly #link: RedisLink
  readonly #clock: Clock
  readonly #options: RedisRegistryOptions
  readonly #keys: RegistryKeys
  readonly #malformed: (names: readonly string[]) => void
  readonly #orders: RedisOrders
  readonly #shelves: RedisShelves
  readonly #standing: RedisStanding
  /** What was claimed through this registry and is connected. */
  readonly #held = new Map<string, Held>()
  #table: NodeTable | undefined
  #reading: Promise<NodeTable> | undefined
  /** The nodes that have entered the table through this registry. */
  readonly #entered = new Set<string>()
  #forgetting = false
  #watcher: RegistryWatcher | undefined
  #restoring: Timer | undefined
  readonly #keeping: Timer
  #closed = false

  constructor(link: RedisLink, options: RedisRegistryOptions, clock: Clock) {
    this.#link = link
    this.#clock = clock
    this.#options = options
    const { keyPrefix: prefix = KEY_PREFIX } = options
    this.#keys = keysOf(prefix)
    this.#malformed = options.malformed ?? (() => undefined)
    const run: Run = (...call) => this.#run(...call)
    this.#orders = new RedisOrders(run, prefix, options.ordersMax)
    this.#shelves = new RedisShelves(run, prefix)
    this.#standing = new RedisStanding(run, prefix, (user) => this.#keys.standing(user))
    for (const one of SCRIPTS) link.define(one)
    link.watch({ connected: () => this.#restoreAll(), disconnected: () => undefined })
    this.#keeping = clock.every(KEEP_ROUND_MS, () => this.#restoreAll())
  }

  watch(watcher: RegistryWatcher): void {
    this.#watcher = watcher
  }

  recheck(): void {
    this.#restoreAll(RECHECK_PAUSE_MS)
  }

  async claim(user: string, session: string, node: string): Promise<Claimed> {
    const keys = [this.#keys.user(user), this.#keys.revoked(user), this.#keys.standing(user)]
    const { sessionsPerUserMax = SESSIONS_PER_USER_MAX } = this.#options
    const args = [...keys, session, node, USER_TTL_MS, sessionsPerUserMax]
    const answer = (await this.#run('hot', CLAIM, args)) as [
      Buffer,
      Buffer,
      Buffer,
      Buffer[],
      Buffer,
      Buffer[],
    ]
    const [time, before, revoked, all, claim, standing] = answer
    this.#held.set(session, { user, node, claim: Number(claim) })
    const nowMs = Number(time)
    const entry = parseSessionEntry(before.toString())
    const fields = texts(all)
    const others = [...pairs(fields)].flatMap(([id, text]) =>
      id === session ? [] : (parseSessionEntry(text) ?? []),
    )
    const table = await this.#tableFor(entry === undefined ? others : [entry, ...others])
    this.#forget(user, fields, table, nowMs)
    return {
      claim: Number(claim),
      ...table.claimed(entry, others, nowMs),
      revokedBeforeMs: revoked.length === 0 ? undefined : Number(revoked),
      ...(standing.length === 0 ? {} : { standing: standingOf(standing) }),
    }
  }

  async release(user: string, session: string, node: string): Promise<void> {
    if (this.#held.get(session)?.node === node) this.#held.delete(session)
    await this.#run('hot', RELEASE, [this.#keys.user(user), session, node, this.#options.sessionTtlMs])
  }

  keep(user: string, session: string, node: string): Promise<Elsewhere | undefined> {
    return this.#keep('hot', user, session, node)
  }

  async locate(user: string): Promise<readonly Place[]> {
    if (this.#closed) throw closedRegistry()
    const places: Place[] = []
    const sessions = Object.entries(await this.#link.hashOf('hot', this.#keys.user(user)))
    if (sessions.length === 0) return places
    const entries = sessions.map(([session, text]) => ({ session, entry: parseSessionEntry(text) }))
    const table = await this.#tableFor(entries.flatMap(({ entry }) => entry ?? []))
    const nowMs = table.storeNowMs(this.#clock.monotonicMs())
    for (const { session, entry } of entries) {
      if (entry?.connected === true && table.alive(entry.node, nowMs))
        places.push({ session, node: entry.node })
    }
    return places
  }

  async revoke(user: string, beforeMs: number, ttlMs: number): Promise<void> {
    await this.#run('hot', REVOKE, [this.#keys.revoked(user), beforeMs, ttlMs])
    await this.#orders.add('revoked', user, beforeMs, ttlMs)
  }

  async revoked(user: string): Promise<number | undefined> {
    const beforeMs = (await this.#run('hot', REVOKED, [this.#keys.revoked(user)])) as Buffer
    return beforeMs.length === 0 ? undefined : Number(beforeMs)
  }

  async disconnect(user: string, ttlMs: number): Promise<number> {
    const claim = Number(await this.#run('hot', DISCONNECT, [this.#keys.user(user)]))
    await this.#orders.add('disconnected', user, claim, ttlMs)
    return claim
  }

  putOn(user: string, wish: StandingWish): Promise<void> {
    return this.#standing.putOn(user, wish)
  }

  takeOff(user: string, wish: StandingWish): Promise<void> {
    return this.#standing.takeOff(user, wish)
  }

  standing(user: string): Promise<readonly Standing[]> {
    return this.#standing.of(user)
  }

  orders(sinceMs: number): Promise<Orders> {
    return this.#standing.withChanges(sinceMs, this.#orders.since(sinceMs))
  }

  async heartbeat(node: NodeInfo): Promise<void> {
    const { nodeTtlMs, sessionTtlMs } = this.#options
    const answer = (await this.#run('hot', HEARTBEAT, [
      this.#keys.nodes,
      node.id,
      JSON.stringify(node),
      nodeTtlMs + sessionTtlMs,
    ])) as [Buffer, number, Buffer[]]
    this.#take(answer)
    // It was in the table and is new in it: the table has been lost, and perhaps more.
    if (answer[1] === 1 && this.#entered.has(node.id)) this.#restoreAll()
    this.#entered.add(node.id)
  }

  async nodes(): Promise<readonly NodeInfo[]> {
    const table = await this.#readTable()
    const malformed: string[] = []
    const nodes = table.infos(table.storeNowMs(this.#clock.monotonicMs()), (id) => malformed.push(id))
    this.#malformed(malformed)
    return nodes
  }

  async leave(node: string): Promise<void> {
    this.#entered.delete(node)
    for (const [session, held] of this.#held) if (held.node === node) this.#held.delete(session)
    await this.#run('hot', LEAVE, [this.#keys.nodes, node])
  }

  async firstSeen(version: string, knownMs: number | undefined): Promise<number> {
    const args = [this.#keys.versions, version, knownMs ?? 0, VERSION_TTL_MS, VERSIONS_MAX]
    return Number(await this.#run('hot', FIRST_SEEN, args))
  }

  put(shelf: Shelf, key: string, text: string, ttlMs: number): Promise<void> {
    return this.#shelves.put(shelf, key, text, ttlMs)
  }

  take(shelf: Shelf, key: string): Promise<boolean> {
    return this.#shelves.take(shelf, key)
  }

  read(shelf: Shelf, keys?: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return this.#shelves.read(shelf, keys)
  }

  swap(...asked: Parameters<Registry['swap']>): Promise<Swapped> {
    return this.#shelves.swap(...asked)
  }

  healthy(): boolean {
    return !this.#closed && this.#link.healthy()
  }

  /** The link is not the registry's alone, and stays open. */
  async close(): Promise<void> {
    this.#closed = true
    this.#keeping.cancel()
    this.#restoring?.cancel()
    this.#held.clear()
  }

  /** A table that can judge the entries. */
  async #tableFor(entries: readonly Parameters<NodeTable['tooOldFor']>[0][]): Promise<NodeTable> {
    const table = this.#table
    if (table === undefined || entries.some((entry) => table.tooOldFor(entry))) return this.#readTable()
    const ageMs = this.#clock.monotonicMs() - table.readMonotonicMs
    return ageMs < this.#options.nodeTtlMs * TABLE_AGE ? table : this.#readTable()
  }

  /** Those who need it at the same time share one read. */
  #readTable(): Promise<NodeTable> {
    this.#reading ??= this.#run('hot', NODES, [this.#keys.nodes])
      .then((answer) => this.#take(answer as [Buffer, number, Buffer[]]))
      .finally(() => (this.#reading = undefined))
    return this.#reading
  }

  #take([time, , fields]: [Buffer, number, Buffer[]]): NodeTable {
    const table = new NodeTable(texts(fields), Number(time), this.#clock.monotonicMs(), this.#options)
    if (this.#table === undefined || table.readMs >= this.#table.readMs) this.#table = table
    return table
  }

  /** One user at a time: who is passed over now is met again when he is claimed again, or ends with his hash. */
  #forget(user: string, fields: readonly string[], table: NodeTable, nowMs: number): void {
    if (this.#forgetting) return
    const stale = table.stale(fields, nowMs)
    if (stale.length === 0) return
    this.#forgetting = true
    this.#run('bulk', FORGET, [this.#keys.user(user), ...stale])
      // The entries stay, and are met again. What is wrong with Redis, the claims themselves report.
      .catch(() => undefined)
      .finally(() => (this.#forgetting = false))
  }

  /** Enters everything again that is held, bit by bit. Starts over when it is called meanwhile. */
  #restoreAll(pauseMs = RESTORE_PAUSE_MS): void {
    this.#restoring?.cancel()
    if (this.#held.size === 0 || this.#closed) return
    const left = this.#held.entries()
    const step = (): void => {
      const batch: Promise<unknown>[] = []
      for (const [session, { user, node }] of left) {
        batch.push(
          this.#keep('bulk', user, session, node).then((elsewhere) => {
            if (elsewhere !== undefined) this.#watcher?.heldElsewhere(session, elsewhere)
          }),
        )
        if (batch.length === RESTORE_BATCH) break
      }
      if (batch.length === 0) return
      Promise.all(batch).then(
        () => (this.#restoring = this.#clock.after(pauseMs, step)),
        // When Redis is back, all begins anew. What is wrong with it, the claims themselves report.
        () => undefined,
      )
    }
    this.#restoring = this.#clock.after(this.#clock.random() * RESTORE_SPREAD_MS, step)
  }

  /** On the bulk lane a release of this node may be carried out before. */
  async #keep(lane: RedisLane, user: string, session: string, node: string): Promise<Elsewhere | undefined> {
    // Only an entry of a node that turns out to be dead is replaced, and only as long as it is that entry.
    let replaced = ''
    for (let attempts = 0; attempts < KEEP_ATTEMPTS_MAX; attempts++) {
      const held = this.#held.get(session)
      const claim = held?.node === node ? held.claim : 0
      const args = [this.#keys.user(user), session, node, USER_TTL_MS, replaced, lane, claim]
      const [time, text] = (await this.#run(lane, KEEP, args)) as [Buffer, Buffer]
      if (text.length === 0) return undefined
      const nowMs = Number(time)
      replaced = text.toString()
      const entry = parseSessionEntry(replaced)
      if (entry !== undefined && (await this.#tableFor([entry])).alive(entry.node, nowMs))
        return { node: entry.node, forMs: Math.max(0, nowMs - entry.sinceMs) }
    }
    // Others take it faster than this node looks.
    return { node: undefined, forMs: 0 }
  }

  #run(lane: RedisLane, what: RedisScript, args: readonly RedisArgument[]): Promise<unknown> {
    return this.#closed ? Promise.reject(closedRegistry()) : this.#link.run(lane, what, args)
  }
}

function closedRegistry(): SluiceError {
  return new SluiceError('unavailable', 'the registry has been closed')
}
