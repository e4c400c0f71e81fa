/**
 * How many users the members of a channel are, of whom some may be connections of one user (`protocol/member-name.ts`). Pure; where
 * each member is a user, nothing is kept.
 */
import { userOf } from '../protocol/member-name.ts'

export class UserCount {
  readonly #isMember: (name: string) => boolean
  /** Of a user, how many members are connections of his. */
  #connections: Map<string, number> | undefined
  #users = 0

  /** `isMember`: whether somebody is in the channel, without who is coming or going. */
  constructor(isMember: (name: string) => boolean) {
    this.#isMember = isMember
  }

  get users(): number {
    return this.#users
  }

  /** Answers whether the user was not there before. Called before the member is one. */
  came(member: string): boolean {
    const user = userOf(member)
    const isFirst = !this.has(user)
    if (user !== member) (this.#connections ??= new Map()).set(user, this.#countOf(user) + 1)
    if (isFirst) this.#users++
    return isFirst
  }

  /** Answers whether the user is not there any more. Called after the member was one. */
  went(member: string): boolean {
    const user = userOf(member)
    if (user !== member) {
      const left = this.#countOf(user) - 1
      if (left > 0) this.#connections?.set(user, left)
      else this.#connections?.delete(user)
    }
    const isLast = !this.has(user)
    if (isLast) this.#users--
    return isLast
  }

  has(user: string): boolean {
    return this.#countOf(user) > 0 || this.#isMember(user)
  }

  #countOf(user: string): number {
    return this.#connections?.get(user) ?? 0
  }
}
