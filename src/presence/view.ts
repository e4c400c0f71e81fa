/**
 * Who is in one channel, as one node knows it: from its own subscriptions, from what the other nodes announce, and from
 * what the store says now and then. Pure: times are given, by a clock that never jumps, and nothing is done here but
 * decided.
 *
 * Held by test/property/presence.property.test.ts:
 *  P1 a user is a member while he is subscribed on any node; several subscriptions, on one node or on many, make one
 *     member
 *  P2 what is told of a user alternates between join and leave; who is found by the first snapshot is not told, since
 *     `members` is not answered before it
 *  P3 a leave is told only after the user was away for `leaveDelayMs` without a break; of who returns in time, nothing
 *     is told
 *  P4 announcements may be lost, doubled or out of order: of all that a node says of a user, the newest counts
 *  P5 a snapshot repairs what was lost, and never undoes what is newer than it
 *  P6 the members on a node that is gone leave as P3 says, unless they are elsewhere
 *  P7 after a snapshot of a store that holds everything, a view has exactly the true members
 */
import type { Snapshot, SnapshotPart } from './store.ts'

/** The first subscription of a user on a node came, or the last one went. */
export interface Change {
  readonly user: string
  readonly present: boolean
  /** Grows with every change that a node makes, whatever the channel. */
  readonly version: number
}

export type Decision =
  /** To this node's subscribers. */
  | { readonly kind: 'tell'; readonly type: 'join' | 'leave'; readonly user: string }
  /** To the other nodes and to the store. */
  | { readonly kind: 'announce'; readonly change: Change }

interface Local {
  subscriptions: number
  readonly version: number
}

interface Other {
  /** Every change up to this version is in what the store said last. */
  storedVersion: number
  /** How many snapshots in a row knew nothing of the node. */
  missed: number
  /** The users on the node, with the version that says so. */
  readonly present: Map<string, number>
  /** Those who left it, for as long as a snapshot may still show them. */
  readonly left: Map<string, number>
}

/**
 * A node that the store knows nothing of may only have been forgotten together with everything else, and enters it all
 * again within the time between two snapshots. After so many in a row it has nobody in the channel, and the news of
 * that was lost.
 */
const MISSED_MAX = 3

export class PresenceView {
  readonly #leaveDelayMs: number
  /** In the order of the versions. */
  readonly #local = new Map<string, Local>()
  readonly #others = new Map<string, Other>()
  /** Whom this node's subscribers take to be in the channel. */
  readonly #told = new Set<string>()
  /** Those of them who are away, and when that is told; in this order. */
  readonly #leaving = new Map<string, number>()
  #complete = false

  constructor(leaveDelayMs: number) {
    this.#leaveDelayMs = leaveDelayMs
  }

  /** Whether there has been a snapshot: before it, `members` knows only some. */
  get complete(): boolean {
    return this.#complete
  }

  /** Nobody is subscribed on this node: there is nobody to tell anything. */
  get deserted(): boolean {
    return this.#local.size === 0
  }

  /** When `due` has something to say; `undefined`: not by itself. */
  get nextDueMs(): number | undefined {
    for (const dueMs of this.#leaving.values()) return dueMs
    return undefined
  }

  members(): string[] {
    return [...this.#told]
  }

  /** The users on this node and the versions since which they are, oldest first. */
  *held(): Generator<readonly [user: string, version: number]> {
    for (const [user, { version }] of this.#local) yield [user, version]
  }

  localEntered(user: string, version: number, nowMs: number): Decision[] {
    const local = this.#local.get(user)
    if (local !== undefined) {
      local.subscriptions++
      return []
    }
    this.#local.set(user, { subscriptions: 1, version })
    return [{ kind: 'announce', change: { user, present: true, version } }, ...this.#settle([user], nowMs)]
  }

  localLeft(user: string, version: number, nowMs: number): Decision[] {
    const local = this.#local.get(user)
    if (local === undefined) return []
    if (--local.subscriptions > 0) return []
    this.#local.delete(user)
    return [{ kind: 'announce', change: { user, present: false, version } }, ...this.#settle([user], nowMs)]
  }

  /** What another node has announced. */
  changed(node: string, { user, present, version }: Change, nowMs: number): Decision[] {
    const other = this.#other(node)
    other.missed = 0
    const known = other.present.get(user) ?? other.left.get(user) ?? 0
    if (version <= Math.max(known, other.storedVersion)) return []
    other.present.delete(user)
    other.left.delete(user)
    if (present) other.present.set(user, version)
    else other.left.set(user, version)
    return this.#settle([user], nowMs)
  }

  /** What the store says of the other nodes, without those that are gone. */
  snapshot(parts: Snapshot, nowMs: number): Decision[] {
    const touched = new Set<string>()
    for (const [node, part] of parts) take(this.#other(node), part, touched)
    for (const [node, other] of this.#others) {
      if (!parts.has(node) && ++other.missed >= MISSED_MAX) this.#forget(node, touched)
    }
    if (!this.#complete) {
      this.#complete = true
      for (const user of touched) if (this.#present(user)) this.#told.add(user)
    }
    return this.#settle(touched, nowMs)
  }

  nodeGone(node: string, nowMs: number): Decision[] {
    const touched = new Set<string>()
    this.#forget(node, touched)
    return this.#settle(touched, nowMs)
  }

  /** The leaves whose time has come. */
  due(nowMs: number): Decision[] {
    const decisions: Decision[] = []
    for (const [user, dueMs] of this.#leaving) {
      if (dueMs > nowMs) break
      this.#leaving.delete(user)
      this.#told.delete(user)
      decisions.push({ kind: 'tell', type: 'leave', user })
    }
    return decisions
  }

  #settle(users: Iterable<string>, nowMs: number): Decision[] {
    const decisions: Decision[] = []
    for (const user of users) {
      if (this.#present(user)) {
        this.#leaving.delete(user)
        if (this.#told.has(user)) continue
        this.#told.add(user)
        decisions.push({ kind: 'tell', type: 'join', user })
      } else if (this.#told.has(user) && !this.#leaving.has(user)) {
        this.#leaving.set(user, nowMs + this.#leaveDelayMs)
      }
    }
    return decisions
  }

  #present(user: string): boolean {
    if (this.#local.has(user)) return true
    for (const { present } of this.#others.values()) if (present.has(user)) return true
    return false
  }

  #other(node: string): Other {
    let other = this.#others.get(node)
    if (other === undefined) {
      other = { storedVersion: 0, missed: 0, present: new Map(), left: new Map() }
      this.#others.set(node, other)
    }
    return other
  }

  #forget(node: string, touched: Set<string>): void {
    for (const user of this.#others.get(node)?.present.keys() ?? []) touched.add(user)
    this.#others.delete(node)
  }
}

/** Believes the store in what is not newer than it; `touched` learns who may have come or gone. */
function take(other: Other, { version, users }: SnapshotPart, touched: Set<string>): void {
  other.missed = 0
  // The store has lost its latest, or an earlier read has come late.
  if (version < other.storedVersion) return
  other.storedVersion = version
  for (const [user, since] of other.present) {
    if (since > version || users.has(user)) continue
    other.present.delete(user)
    touched.add(user)
  }
  for (const [user, since] of other.left) if (since <= version) other.left.delete(user)
  for (const user of users) {
    if (other.present.has(user) || other.left.has(user)) continue
    other.present.set(user, version)
    touched.add(user)
  }
}
