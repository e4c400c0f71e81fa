/**
 * Who is where: user -> sessions -> node, and the table of live nodes.
 *
 * Every implementation keeps (test/conformance/registry.suite.ts):
 *  R1 after `claim` has resolved, `locate` of any node includes the session, until it is released, claimed by another
 *     node, or its node is dead
 *  R2 `claim` says whether the session is known, and which node held it before, so that a stale connection can be closed
 *  R3 `release` keeps the session known for `sessionTtlMs`; it does nothing where another node has claimed it since
 *  R4 a node whose heartbeat is older than `nodeTtlMs` is not in `nodes`, and what it claimed is not in `locate`
 *  R5 after `revoke`, every `claim` of the user answers with that moment, and so does `revoked`, until `ttlMs` has passed
 *  R6 one user's sessions never show in another's answers
 *  R7 the number of a claim is greater than that of every earlier claim of the session, by whatever node
 *  R8 `keep` enters a session again that is lost, that was released, whose node has died, or that an older claim has because the
 *     store has lost the node's own; it takes none away from another node that is alive, and says which one has it, and for how long
 *  R9 what was claimed through this registry and not released is kept so by itself, some time after `recheck`, and after the
 *     store was away; of a session that another node has then, the watcher is told
 *  R10 `claim` counts the user's sessions as `locate` would show them right after it
 *  R11 what `disconnect` answers is not less than the number of any claim of the user before it
 *  R12 `orders` has every revocation and disconnection since a moment, of whatever node, until its `ttlMs` has passed; where
 *     there were more than are remembered it says so
 *  R13 `firstSeen` answers the earliest moment at which anybody has named the version, or knows of; to all the same one, for as
 *     long as somebody names it now and then (`VERSION_TTL_MS`)
 *  R14 what was put on a shelf is read there from any node, the newest of each key, until it is taken off or its time is up; a
 *     full shelf (`SHELVES`) drops what would end soonest
 *  R15 of several who `swap` the same text at once, one succeeds; and who says that there was nothing, where there is nothing
 *  R16 after `putOn`, every `claim` of the user answers with those channels, and so does `standing`, until `takeOff` or
 *     `STANDING_TTL_MS` after the last change; `orders` names the user for `CHANGE_TTL_MS`, or says that there were more than it remembers
 *
 * Fails with `unavailable` when the store cannot be reached.
 */
import type { Answer } from '../answer.ts'
import type { NodeState } from '../protocol/states.ts'

export interface Place {
  readonly session: string
  readonly node: string
}

/** A channel that a backend has put a user on. */
export interface Standing {
  readonly channel: string
  /** Of his sessions this one alone, by its id or by the name that others know it by. `undefined`: all, also those to come. */
  readonly session: string | undefined
}

/** What a backend asks for: all these channels. */
export interface StandingWish {
  readonly channels: readonly string[]
  readonly session: string | undefined
}

/** So many a user has at most, those of single sessions included. */
export const STANDING_MAX = 100
/** Since the last change. */
export const STANDING_TTL_MS = 30 * 86_400_000
/** So long a change is told to nodes that did not hear of it. */
export const CHANGE_TTL_MS = 3_600_000

export interface Claimed {
  /** Of two connections of a session the one with the smaller number is the older. A moment, by the clock of the store. */
  readonly claim: number
  /** The session existed, connected or detached for less than `sessionTtlMs`. */
  readonly known: boolean
  /** The node that holds or held it, where known and alive. May be the claiming node itself. */
  readonly previousNode: string | undefined
  /** For so long the session was without a connection. Absent where it was connected, or not known. */
  readonly detachedForMs?: number
  /** Tokens of the user issued up to here, in milliseconds since 1970, are revoked. */
  readonly revokedBeforeMs: number | undefined
  /** How many sessions the user has connected on live nodes, this one included. */
  readonly sessions: number
  /** What backends have put the user on. Absent: nothing. */
  readonly standing?: readonly Standing[]
}

/** Which deploy a node is of: where versions differ, clients go to the latest. */
export interface Deploy {
  readonly generation: number
  /** By whoever deploys, and not by when the version was first seen: that counts more. */
  readonly said: boolean
}

export interface NodeInfo {
  readonly id: string
  readonly version: string
  readonly region: string
  readonly role: 'all' | 'edge' | 'api'
  readonly state: NodeState
  readonly startedAt: number
  /** Absent: not known yet, or the node is of an older version. */
  readonly deploy?: Deploy
  readonly connections: number
  /** More connections it does not take. Absent: there is no limit, or the node is of an older version. */
  readonly connectionsMax?: number
  /** Connections that it takes in a second. Absent: there is no limit, or the node is of an older version. */
  readonly offers?: number
  /** 0: admits at once. 1: its waiting room is full. */
  readonly pressure: number
  /** Where clients reach its region, `wss://host`. Absent: it is not said. */
  readonly publicUrl?: string
  /** Where other nodes reach its mesh and its operators' API, `host:port`. */
  readonly address: string
  /** What happens in a second, over the last heartbeats. */
  readonly rates: { readonly connects: number; readonly published: number; readonly delivered: number }
  /** How it serves. Absent: the node is of an older version. */
  readonly service?: Service
  /** The parts that do not answer, or through which nothing is heard: `backbone`, `registry`, `log`. */
  readonly degraded: readonly string[]
  /** For the other nodes alone. Absent: the node is of an older version. */
  readonly peer?: PeerInfo
}

export interface Service {
  /** How late its event loop is. */
  readonly lagMs: number
  /** From the publish that was accepted to the write, over the last seconds. Absent: nothing was delivered. */
  readonly latencyMs?: { readonly p50: number; readonly p99: number }
  /** Since its start: holes that were filled from the log, messages that clients had missed and got, and clients that were told to refetch. */
  readonly repaired: number
  readonly replayed: number
  readonly resets: number
}

export interface PeerInfo {
  /** How often the node has said how it is. */
  readonly beat: number
  /** It reads packets of several messages. Absent: the node is of an older version. */
  readonly several?: boolean
  /** Of the secret of the cluster that the node knows. */
  readonly proof?: string
}

export interface RegistryOptions {
  readonly nodeTtlMs: number
  readonly sessionTtlMs: number
}

/** What was decided about users, for nodes that may not have been told. */
export interface Orders {
  /** By the clock of the store: `orders` of here on has what comes later. */
  readonly nowMs: number
  /** False: older ones since the moment have been forgotten, because there were too many. */
  readonly complete: boolean
  /** By user: tokens issued up to here, in milliseconds since 1970, are revoked. */
  readonly revoked: ReadonlyMap<string, number>
  /** By user: connections with claims up to here are ended. */
  readonly disconnected: ReadonlyMap<string, number>
  /** Users for whom something was changed that backends have put them on. `undefined`: more than are remembered. */
  readonly changed: ReadonlySet<string> | undefined
}

export interface Swapped {
  readonly done: boolean
  /** By the clock of the store, in milliseconds since 1970. */
  readonly nowMs: number
}

/** Another live node has a session, and has had it for so long. */
export interface Elsewhere {
  /** `undefined`: it changes all the time. */
  readonly node: string | undefined
  readonly forMs: number
}

export interface RegistryWatcher {
  /** Of a session that was claimed here and not released. */
  heldElsewhere(session: string, elsewhere: Elsewhere): void
}

/**
 * The small tables for all nodes, and how much each holds: what operators have ordered; the jobs that run, those that have
 * ended, and who leads them; what became of the clients of each node of them.
 */
export const SHELVES = { orders: 256, jobs: 64, 'ended-jobs': 256, leases: 64, drains: 1024 } as const
export type Shelf = keyof typeof SHELVES

/** A version that nobody names for so long is forgotten: when it comes back, it is new. */
export const VERSION_TTL_MS = 30 * 86_400_000
/** Of more versions, those are forgotten that were named longest ago. */
export const VERSIONS_MAX = 256

export interface Registry {
  /** To be called before the first claim. */
  watch(watcher: RegistryWatcher): void
  /** What other nodes have said of sessions may have been missed. Spread over a moment. */
  recheck(): void
  claim(user: string, session: string, node: string): Answer<Claimed>
  release(user: string, session: string, node: string): Promise<void>
  /**
   * The node has the session connected. Answers which other live node has it; `undefined`: none, and it is in the registry from
   * here on.
   */
  keep(user: string, session: string, node: string): Promise<Elsewhere | undefined>
  /** The connected sessions of a user on live nodes. */
  locate(user: string): Answer<readonly Place[]>
  revoke(user: string, beforeMs: number, ttlMs: number): Promise<void>
  /** Tokens of the user issued up to here are revoked. */
  revoked(user: string): Promise<number | undefined>
  /** Answers up to which claim the user's connections are to end. */
  disconnect(user: string, ttlMs: number): Promise<number>
  /** Fails with `limit_exceeded` where he would have more than `STANDING_MAX`; nothing is changed then. */
  putOn(user: string, wish: StandingWish): Promise<void>
  /** What stands for all sessions stays where one is named. */
  takeOff(user: string, wish: StandingWish): Promise<void>
  standing(user: string): Promise<readonly Standing[]>
  /** `sinceMs`: by the clock of the store; 0: all that are remembered. */
  orders(sinceMs: number): Promise<Orders>
  /** Enters a node in the table or keeps it there: before its first claim, and then well within `nodeTtlMs`. */
  heartbeat(node: NodeInfo): Promise<void>
  nodes(): Promise<readonly NodeInfo[]>
  /**
   * Takes a node off the table, and with it everything that it claimed; its sessions stay known for `sessionTtlMs`.
   * To be called after the last heartbeat.
   */
  leave(node: string): Promise<void>
  /**
   * In milliseconds since 1970, by the clock of the store. `knownMs`: what it answered before, in case that the store has lost
   * its data since.
   */
  firstSeen(version: string, knownMs: number | undefined): Promise<number>
  put(shelf: Shelf, key: string, text: string, ttlMs: number): Promise<void>
  /** Answers whether it was there. */
  take(shelf: Shelf, key: string): Promise<boolean>
  /** `keys`: only of these. Absent: all that is there. */
  read(shelf: Shelf, keys?: readonly string[]): Promise<ReadonlyMap<string, string>>
  /** Puts the text where what is there is `before`; `undefined`: nothing is. */
  swap(shelf: Shelf, key: string, before: string | undefined, text: string, ttlMs: number): Promise<Swapped>
  /** Whether the store answers now. For health, never for control flow. */
  healthy(): boolean
  /** Idempotent. */
  close(): Promise<void>
}
