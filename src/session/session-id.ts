/**
 * Session ids: 24 random characters and 8 that stand for the user, so that any node can tell without a look-up that
 * a session is another user's.
 */
import { randomFillSync } from 'node:crypto'

const RANDOM_BYTES = 18
/** Asking the system for each id costs more than all the rest of making one. */
const POOL_IDS = 256
const USER_TAG_LENGTH = 8
const SESSION = /^[A-Za-z0-9_-]{24}([A-Za-z0-9_-]{8})$/

const pool = Buffer.alloc(RANDOM_BYTES * POOL_IDS)
let used = pool.length

function takeRandom(): Buffer {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += RANDOM_BYTES
  return pool.subarray(used - RANDOM_BYTES, used)
}

/** `userTag`: the cursor's tag of the user, see `tagOf`. */
export function newSessionId(userTag: string): string {
  // One flat string: a concatenation would keep its parts in memory as well.
  return Buffer.from(takeRandom().toString('base64url') + userTag, 'latin1').toString('latin1')
}

export function ownerTagOf(session: string): string {
  return session.slice(-USER_TAG_LENGTH)
}

export type SessionOwner = 'same' | 'other' | 'malformed'

export function ownerOf(session: string, userTag: string): SessionOwner {
  const match = SESSION.exec(session)
  if (match === null) return 'malformed'
  return match[1] === userTag ? 'same' : 'other'
}
