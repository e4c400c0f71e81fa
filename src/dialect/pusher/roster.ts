/**
 * Who is in one presence channel, as the clients of one node have been told. Pure.
 *
 *  R1 a client is told on its way in who is there, itself with them; then of each who comes and goes after that, in order
 *  R2 nobody is told of himself, on none of his connections
 *  R3 what was told alternates: who is there does not come again, who is not does not go
 */
import type { Member } from './frames.ts'

/** A connection that is on the channel. */
export interface Guest {
  readonly member: Member
  come(member: Member): void
  went(id: string): void
}

export class Roster {
  readonly #members = new Map<string, Member>()
  readonly #guests = new Set<Guest>()

  get empty(): boolean {
    return this.#guests.size === 0
  }

  /** Those who are there, as presence says at this moment. What it has told before and comes late changes nothing. */
  found(members: Iterable<Member>): void {
    for (const member of members) this.come(member)
  }

  /** Whether there is room for one more member. */
  takes({ id }: Member, membersMax: number): boolean {
    return this.#members.has(id) || this.#members.size < membersMax
  }

  has(id: string): boolean {
    return this.#members.has(id)
  }

  /** As a client with this member is told on its way in. */
  shownTo(member: Member): readonly Member[] {
    return [...new Map(this.#members).set(member.id, this.#members.get(member.id) ?? member).values()]
  }

  enter(guest: Guest): void {
    this.#guests.add(guest)
  }

  leave(guest: Guest): void {
    this.#guests.delete(guest)
  }

  come(member: Member): void {
    if (this.#members.has(member.id)) return
    this.#members.set(member.id, member)
    for (const guest of this.#guests) if (guest.member.id !== member.id) guest.come(member)
  }

  /** What a member says of himself is another now: for who comes later. */
  changed(member: Member): void {
    if (this.#members.has(member.id)) this.#members.set(member.id, member)
  }

  went(id: string): void {
    if (!this.#members.delete(id)) return
    for (const guest of this.#guests) if (guest.member.id !== id) guest.went(id)
  }
}
