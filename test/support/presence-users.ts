import type { Users } from '../../src/presence/store.ts'

/** Users who have said nothing of themselves. */
export function quiet(users: readonly string[]): Users {
  return new Map(users.map((user) => [user, undefined]))
}

/** Users with what they have said of themselves, all at the same moment. */
export function saying(users: Readonly<Record<string, string>>, at = 1): Users {
  return new Map(Object.entries(users).map(([user, json]) => [user, { json, at }]))
}
