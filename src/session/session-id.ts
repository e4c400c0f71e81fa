/**
 * Session ids: 24 random characters and 8 that stand for the user, so that any node can tell without a look-up that
 * a session is another user's.
 */
import { randomBytes } from 'node:crypto'

const RANDOM_BYTES = 18
const SESSION = /^[A-Za-z0-9_-]{24}([A-Za-z0-9_-]{8})$/

/** `userTag`: the cursor's tag of the user, see `tagOf`. */
export function newSessionId(userTag: string): string {
  return randomBytes(RANDOM_BYTES).toString('base64url') + userTag
}

export type SessionOwner = 'same' | 'other' | 'malformed'

export function ownerOf(session: string, userTag: string): SessionOwner {
  const match = SESSION.exec(session)
  if (match === null) return 'malformed'
  return match[1] === userTag ? 'same' : 'other'
}
