/**
 * A connection as a member of one presence channel.
 */
import { memberAdded, memberRemoved, type Member } from './frames.ts'
import type { Guest } from './roster.ts'

export class Membership implements Guest {
  readonly member: Member
  readonly #client: { say(frame: string): void }
  readonly #channel: string

  /** `channel`: by its public name. */
  constructor(client: { say(frame: string): void }, channel: string, member: Member) {
    this.#client = client
    this.#channel = channel
    this.member = member
  }

  come(member: Member): void {
    this.#client.say(memberAdded(this.#channel, member))
  }

  went(id: string): void {
    this.#client.say(memberRemoved(this.#channel, id))
  }
}
