/**
 * What members say of themselves in a channel. A user may have several connections, on several nodes, and each may say
 * something: what was said last is what counts, for as long as the connection that has said it is there.
 */
import { userOf } from '../protocol/member-name.ts'

export interface Info {
  /** JSON; `undefined`: the user has taken back what was said before. */
  readonly json: string | undefined
  /** When it was said, by the clocks of the nodes. */
  readonly at: number
}

/** Who is in a channel, and what each says of himself, as JSON. */
export type Members = ReadonlyMap<string, string | undefined>

/** The users, where some members are connections of one (`protocol/member-name.ts`): of several what one says, himself before them. */
export function usersIn(members: Members): Members {
  const users = new Map<string, string | undefined>()
  for (const [member, json] of members) {
    const user = userOf(member)
    if (user === member || !users.has(user)) users.set(user, json)
  }
  return users
}

/** What a connection says of its user. */
export interface Statement {
  /** JSON on one line; `undefined`: nothing. */
  readonly json: string | undefined
  /** When it was said first, as the gateway answered then; never later than now. Default: now. */
  readonly at?: number | undefined
  /** The member, where it is not the connection's user: a protocol may have names of its own for the members of a channel. */
  readonly user?: string | undefined
}

/** As whom a connection is in a channel; `absent`: not at all, though it is subscribed. */
export type Entry = Statement | 'absent'

/** All nodes decide alike, also where two things were said in the same millisecond. */
export function isNewer(one: Info | undefined, than: Info | undefined): boolean {
  if (one === undefined || than === undefined) return one !== undefined
  return one.at === than.at ? (one.json ?? '') > (than.json ?? '') : one.at > than.at
}

export function isSame(one: Info | undefined, other: Info | undefined): boolean {
  return one?.at === other?.at && one?.json === other?.json
}

export function newestOf(infos: Iterable<Info | undefined>): Info | undefined {
  let newest: Info | undefined
  for (const info of infos) if (isNewer(info, newest)) newest = info
  return newest
}
