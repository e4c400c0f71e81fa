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
 *  P3 a leave is told only after the user was away for `leaveDelayMs` without a break; of who returns in time, and says of
 *     himself what he said before, nothing is told
 *  P4 announcements may be lost, doubled or out of order: of all that a node says of a user, the newest counts
 *  P5 a snapshot repairs what was lost, and never undoes what is newer than it
 *  P6 the members on a node that is gone leave as P3 says, unless they are elsewhere
 *  P7 after a snapshot of a store that holds everything, a view has exactly the true members, and of each what was said last
 *  P8 between join and leave an `update` is told where what a user says of himself is another than was told last: at once where
 *     it is newer; where it is older, because the connection that has said the newer has gone, once that was away for
 *     `leaveDelayMs`
 */
import { isNewer, isSame, newestOf, type Info } from './info.ts'
import type { Snapshot, SnapshotPart } from './store.ts'
import { UserCount } from './user-count.ts'
import { userOf } from '../protocol/member-name.ts'

/**
 * The first subscription of a user on a node came, or the last one went; or what the user says of himself there is another.
 */
export interface Change {
  readonly user: string
  readonly present: boolean
  /** Grows with every change that a node makes, whatever the channel. */
  readonly version: number
  /** What the user has said last of himself on that node. */
  readonly info?: Info | undefined
}

export interface Told {
  readonly type: 'join' | 'leave' | 'update'
  readonly user: string
  /** What the user says of himself, as JSON; of one who leaves, what he said. */
  readonly json: string | undefined
  /** How many users are in the channel with that; `undefined`: not known yet. */
  readonly count: number | undefined
  /** The user is, or stays, in the channel by another member: who knows users only need not hear of it. */
  readonly sameUser?: true
}

export type Decision =
  /** To this node's subscribers. */
  | ({ readonly kind: 'tell' } & Told)
  /** To the other nodes and to the store. */
  | { readonly kind: 'announce'; readonly change: Change }

interface Local {
  readonly subscriptions: number
  readonly version: number
  /** What they have said: those who have not said anything share the empty list. */
  readonly infos: readonly Info[]
}

interface Pending {
  readonly dueMs: number
  /** The user is away; else it is what he has said last that has gone. */
  readonly away: boolean
}

interface Other {
  /** Every change up to this version is in what the store said last. */
  storedVersion: number
  /** How many snapshots in a row knew nothing of the node. */
  missed: number
  /** The users on the node, with the version that says so. */
  readonly present: Map<string, number>
  /** What those of them say of themselves who have said something. */
  readonly infos: Map<string, Info>
  /** Those who left it, for as long as a snapshot may still show them. */
  readonly left: Map<string, number>
}

/**
 * A node that the store knows nothing of may only have been forgotten together with everything else, and enters it all
 * again within the time between two snapshots. After so many in a row it has nobody in the channel, and the news of
 * that was lost.
 */
const MISSED_MAX = 3

const NOTHING: readonly Info[] = []

export class PresenceView {
  readonly #leaveDelayMs: number
  /** In the order of the versions. */
  readonly #local = new Map<string, Local>()
  readonly #others = new Map<string, Other>()
  /** Whom this node's subscribers take to be in the channel, with what was told of each. */
  readonly #told = new Map<string, Info | undefined>()
  /** Those of them who are away, or whose last word is, and when that is told; in this order. */
  readonly #leaving = new Map<string, Pending>()
  readonly #toldUsers = new UserCount((name) => this.#told.has(name))
  readonly #localUsers = new UserCount((name) => this.#local.has(name))
  #complete = false

  constructor(leaveDelayMs: number) {
    this.#leaveDelayMs = leaveDelayMs
  }

  /** Whether there has been a snapshot: before it, `members` knows only some. */
  get complete(): boolean {
    return this.#complete
  }

  /** When `due` has something to say; `undefined`: not by itself. */
  get nextDueMs(): number | undefined {
    for (const { dueMs } of this.#leaving.values()) return dueMs
    return undefined
  }

  /** Without the connections that are away: such a one does not come back, and its leave is told in time. */
  members(): Map<string, string | undefined> {
    const members = new Map<string, string | undefined>()
    for (const [member, info] of this.#told) {
      const isAway = this.#leaving.get(member)?.away === true
      if (!isAway || member === userOf(member)) members.set(member, info?.json)
    }
    return members
  }

  /** The users on this node as their last changes say, oldest first. */
  *held(): Generator<Change> {
    for (const [user, { version, infos }] of this.#local)
      yield { user, version, present: true, info: newestOf(infos) }
  }

  /** Whether a user is in the channel on this node, by whichever member. */
  holds(user: string): boolean {
    return this.#localUsers.has(user)
  }

  localEntered(user: string, version: number, nowMs: number, info?: Info): Decision[] {
    const local = this.#local.get(user)
    const infos = info === undefined ? (local?.infos ?? NOTHING) : [...(local?.infos ?? NOTHING), info]
    const subscriptions = 1 + (local?.subscriptions ?? 0)
    return this.#localChanged(user, { subscriptions, version, infos }, nowMs)
  }

  /** Says `info`, in the place of what the same subscription has said before. */
  localSaid(
    user: string,
    { info, before }: { readonly info: Info; readonly before: Info | undefined },
    version: number,
    nowMs: number,
  ): Decision[] {
    const local = this.#local.get(user)
    if (local === undefined) return []
    const infos = [...without(local.infos, before), info]
    return this.#localChanged(user, { ...local, version, infos }, nowMs)
  }

  /** `info`: what the subscription has said, which goes with it. */
  localLeft(user: string, version: number, nowMs: number, info?: Info): Decision[] {
    const local = this.#local.get(user)
    if (local === undefined) return []
    const infos = without(local.infos, info)
    const subscriptions = local.subscriptions - 1
    return this.#localChanged(user, { subscriptions, version, infos }, nowMs)
  }

  /** What another node has announced. */
  changed(node: string, { user, present, version, info }: Change, nowMs: number): Decision[] {
    const other = this.#other(node)
    other.missed = 0
    const known = other.present.get(user) ?? other.left.get(user) ?? 0
    if (version <= Math.max(known, other.storedVersion)) return []
    other.present.delete(user)
    other.left.delete(user)
    keepInfo(other, user, present ? info : undefined)
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
      for (const user of touched)
        if (this.#present(user) && !this.#told.has(user)) {
          this.#toldUsers.came(user)
          this.#told.set(user, this.#info(user))
        }
    }
    return this.#settle(touched, nowMs)
  }

  nodeGone(node: string, nowMs: number): Decision[] {
    const touched = new Set<string>()
    this.#forget(node, touched)
    return this.#settle(touched, nowMs)
  }

  /** The leaves whose time has come, and the updates. */
  due(nowMs: number): Decision[] {
    const decisions: Decision[] = []
    for (const [user, { dueMs, away }] of this.#leaving) {
      if (dueMs > nowMs) break
      this.#leaving.delete(user)
      decisions.push(away ? this.#tellLeave(user) : this.#tell('update', user, this.#info(user)))
    }
    return decisions
  }

  /** Only what others would see is told to them. */
  #localChanged(user: string, local: Local, nowMs: number): Decision[] {
    const before = this.#local.get(user)
    const info = newestOf(local.infos)
    const present = local.subscriptions > 0
    if (present && before !== undefined && isSame(newestOf(before.infos), info)) {
      this.#local.set(user, { ...local, version: before.version })
      return []
    }
    // Behind all others: they stand in the order of the versions.
    this.#local.delete(user)
    if (before !== undefined) this.#localUsers.went(user)
    if (present) {
      this.#localUsers.came(user)
      this.#local.set(user, local)
    }
    const { version } = local
    return [{ kind: 'announce', change: { user, present, version, info } }, ...this.#settle([user], nowMs)]
  }

  #settle(users: Iterable<string>, nowMs: number): Decision[] {
    const decisions: Decision[] = []
    for (const user of users) {
      if (!this.#present(user)) {
        if (this.#told.has(user)) this.#pend(user, true, nowMs)
        continue
      }
      const info = this.#info(user)
      const told = this.#told.get(user)
      if (!this.#told.has(user)) decisions.push(this.#tell('join', user, info))
      else if (info?.json === told?.json) {
        this.#leaving.delete(user)
        this.#told.set(user, info)
      } else if (isNewer(info, told)) {
        this.#leaving.delete(user)
        decisions.push(this.#tell('update', user, info))
      } else this.#pend(user, false, nowMs)
    }
    return decisions
  }

  #tell(type: 'join' | 'update', user: string, info: Info | undefined): Decision {
    const isNew = type === 'join' ? this.#toldUsers.came(user) : user === userOf(user)
    this.#told.set(user, info)
    return { kind: 'tell', type, user, json: info?.json, count: this.#count(), ...sameUser(!isNew) }
  }

  #tellLeave(user: string): Decision {
    const json = this.#told.get(user)?.json
    this.#told.delete(user)
    const isLast = this.#toldUsers.went(user)
    return { kind: 'tell', type: 'leave', user, json, count: this.#count(), ...sameUser(!isLast) }
  }

  #count(): number | undefined {
    return this.#complete ? this.#toldUsers.users : undefined
  }

  /** From now on, where it was not so before. */
  #pend(user: string, away: boolean, nowMs: number): void {
    if (this.#leaving.get(user)?.away === away) return
    this.#leaving.delete(user)
    this.#leaving.set(user, { dueMs: nowMs + this.#leaveDelayMs, away })
  }

  #info(user: string): Info | undefined {
    let newest = newestOf(this.#local.get(user)?.infos ?? NOTHING)
    for (const { infos } of this.#others.values()) {
      const info = infos.get(user)
      if (isNewer(info, newest)) newest = info
    }
    return newest
  }

  #present(user: string): boolean {
    if (this.#local.has(user)) return true
    for (const { present } of this.#others.values()) if (present.has(user)) return true
    return false
  }

  #other(node: string): Other {
    let other = this.#others.get(node)
    if (other === undefined) {
      other = { storedVersion: 0, missed: 0, present: new Map(), infos: new Map(), left: new Map() }
      this.#others.set(node, other)
    }
    return other
  }

  #forget(node: string, touched: Set<string>): void {
    for (const user of this.#others.get(node)?.present.keys() ?? []) touched.add(user)
    this.#others.delete(node)
  }
}

function sameUser(is: boolean): { readonly sameUser?: true } {
  return is ? { sameUser: true } : {}
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
    other.infos.delete(user)
    touched.add(user)
  }
  for (const [user, since] of other.left) if (since <= version) other.left.delete(user)
  for (const [user, info] of users) {
    const since = other.present.get(user)
    if (other.left.has(user) || (since ?? 0) > version) continue
    if (since !== undefined && isSame(other.infos.get(user), info)) continue
    if (since === undefined) other.present.set(user, version)
    keepInfo(other, user, info)
    touched.add(user)
  }
}

/** Of equal ones only one goes. */
function without(infos: readonly Info[], gone: Info | undefined): readonly Info[] {
  if (gone === undefined) return infos
  const at = infos.findIndex((one) => isSame(one, gone))
  return infos.filter((_, index) => index !== at)
}

function keepInfo({ infos }: Other, user: string, info: Info | undefined): void {
  if (info === undefined) infos.delete(user)
  else infos.set(user, info)
}
