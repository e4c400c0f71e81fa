/**
 * How a member of a channel is named: as its user, or, where a protocol has a member for each of his connections, as his connection.
 * Pure.
 */

/** No user has it in his name. */
const MARK = '\u0001'

export function memberName(user: string, client: string): string {
  return `${user}${MARK}${client}`
}

export function userOf(member: string): string {
  const at = member.indexOf(MARK)
  return at === -1 ? member : member.slice(0, at)
}

/** `undefined`: it is a user. */
export function clientOf(member: string): string | undefined {
  const at = member.indexOf(MARK)
  return at === -1 ? undefined : member.slice(at + MARK.length)
}
