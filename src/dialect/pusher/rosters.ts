/**
 * The presence channels that have clients of Pusher on this node.
 */
import { Roster, type Guest } from './roster.ts'
import type { Member } from './frames.ts'
import type { ChannelEvent } from '../../protocol/form.ts'

/** Presence, as the dialect uses it: it says itself who is where, whatever the namespaces say. By internal names. */
export interface PresencePort {
  /** From now on what happens in the channel is told here. `by`: whoever watches. */
  watch(channel: string, by: object): void
  unwatch(channel: string, by: object): void
  entered(channel: string, member: Member, by: object): void
  left(channel: string, member: Member, by: object): void
  /** With what each says of himself, as JSON. Fails with `unavailable`. */
  members(channel: string): Promise<ReadonlyMap<string, string | undefined>>
}

interface Entry {
  readonly roster: Roster
  ready: Promise<void>
  /** Connections that are on it, or on their way. */
  users: number
}

export class Rosters {
  readonly #presence: PresencePort
  readonly #byChannel = new Map<string, Entry>()

  constructor(presence: PresencePort) {
    this.#presence = presence
  }

  /** Resolves when it is known who is there; to be released again. Fails with `unavailable`, then it is released. */
  async open(channel: string): Promise<Roster> {
    const entry = this.#byChannel.get(channel) ?? this.#begin(channel)
    entry.users++
    try {
      await entry.ready
    } catch (error) {
      this.release(channel)
      throw error
    }
    return entry.roster
  }

  release(channel: string): void {
    const entry = this.#byChannel.get(channel)
    if (entry === undefined || --entry.users > 0) return
    this.#byChannel.delete(channel)
    this.#presence.unwatch(channel, entry.roster)
  }

  /** Its client is told from now on who comes and goes, and others are told of it. */
  enter(channel: string, guest: Guest): void {
    this.#byChannel.get(channel)?.roster.enter(guest)
    this.#presence.entered(channel, guest.member, guest)
  }

  /** And releases the roster. */
  leave(channel: string, guest: Guest): void {
    this.#byChannel.get(channel)?.roster.leave(guest)
    this.#presence.left(channel, guest.member, guest)
    this.release(channel)
  }

  /** It is told who comes and goes, and is nobody itself. */
  watch(channel: string, guest: Guest): void {
    this.#byChannel.get(channel)?.roster.enter(guest)
  }

  /** And releases the roster. */
  unwatch(channel: string, guest: Guest): void {
    this.#byChannel.get(channel)?.roster.leave(guest)
    this.release(channel)
  }

  /** What presence tells on this node. */
  told({ type, channel, user, json }: ChannelEvent): void {
    const roster = this.#byChannel.get(channel)?.roster
    if (roster === undefined) return
    if (type === 'leave') roster.went(user)
    else if (type === 'join') roster.come({ id: user, info: json })
    else roster.changed({ id: user, info: json })
  }

  #begin(channel: string): Entry {
    const roster = new Roster()
    this.#presence.watch(channel, roster)
    const entry: Entry = { roster, ready: this.#find(channel, roster), users: 0 }
    this.#byChannel.set(channel, entry)
    return entry
  }

  async #find(channel: string, roster: Roster): Promise<void> {
    const members = await this.#presence.members(channel)
    roster.found([...members].map(([id, info]) => ({ id, info })))
  }
}
