/**
 * The subscriptions to one channel on this node that have said something of themselves, or are there without being in the
 * channel. Of all others only the number is kept.
 */
import type { Entry, Info, Statement } from './info.ts'
import type { Decision, PresenceView } from './view.ts'

interface Attendee {
  /** As whom it is in the channel. */
  readonly user: string
  readonly info: Info | undefined
  readonly absent: boolean
}

/** When something happens: by this node's clock that never jumps, and as one more of its changes. */
export interface Moment {
  readonly nowMs: number
  readonly version: number
}

export class Attendance {
  readonly #view: PresenceView
  #subscriptions = 0
  /** By whoever has the subscription. */
  #attendees: Map<object, Attendee> | undefined

  constructor(view: PresenceView) {
    this.#view = view
  }

  /** Nobody is subscribed on this node: there is nobody to tell anything. */
  get deserted(): boolean {
    return this.#subscriptions === 0
  }

  subscribed(user: string, by: object, entry: Entry | undefined, moment: Moment): Decision[] {
    this.#subscriptions++
    if (entry === undefined) return this.#view.localEntered(user, moment.version, moment.nowMs)
    if (entry === 'absent') return this.#keep(by, { user, info: undefined, absent: true })
    return this.#enters(user, by, entry, moment)
  }

  unsubscribed(user: string, by: object, moment: Moment): Decision[] {
    this.#subscriptions--
    const known = this.#attendees?.get(by)
    this.#attendees?.delete(by)
    return known?.absent === true ? [] : this.#leaves(known?.user ?? user, known?.info, moment)
  }

  says(user: string, by: object, statement: Statement, moment: Moment): Decision[] {
    const known = this.#attendees?.get(by)
    if (known?.absent === true) return this.#enters(user, by, statement, moment)
    const before = known?.user ?? user
    if (before !== (statement.user ?? user))
      return [...this.#leaves(before, known?.info, moment), ...this.#enters(user, by, statement, moment)]
    const info = infoOf(statement, moment)
    this.#keep(by, { user: before, info, absent: false })
    return this.#view.localSaid(before, { info, before: known?.info }, moment.version, moment.nowMs)
  }

  withdraws(user: string, by: object, moment: Moment): Decision[] {
    const known = this.#attendees?.get(by)
    if (known?.absent === true) return []
    const before = known?.user ?? user
    this.#keep(by, { user: before, info: undefined, absent: true })
    return this.#leaves(before, known?.info, moment)
  }

  #enters(user: string, by: object, statement: Statement, moment: Moment): Decision[] {
    const name = statement.user ?? user
    const info = infoOf(statement, moment)
    this.#keep(by, { user: name, info, absent: false })
    return this.#view.localEntered(name, moment.version, moment.nowMs, info)
  }

  #leaves(user: string, info: Info | undefined, { version, nowMs }: Moment): Decision[] {
    return this.#view.localLeft(user, version, nowMs, info)
  }

  #keep(by: object, attendee: Attendee): Decision[] {
    ;(this.#attendees ??= new Map()).set(by, attendee)
    return []
  }
}

/** Nobody has said something after now: it would stand for ever. */
function infoOf({ json, at }: Statement, { version }: Moment): Info {
  return { json, at: Math.min(at ?? version, version) }
}
