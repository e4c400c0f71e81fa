/**
 * Session ids: 24 random characters and 8 that stand for the user, so that any node can tell without a look-up that
 * a session is another user's.
 */
import { hash, randomFillSync } from 'node:crypto'
import { Closing } from '../errors.ts'
import { tagOf } from '../protocol/cursor.ts'

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

/** The id to go on with, or a new one. Fails where the one that was asked for is another user's, or none at all. */
export function sessionIdFor(user: string, asked: string | undefined): string {
  const userTag = tagOf(user)
  if (asked === undefined) return newSessionId(userTag)
  const match = SESSION.exec(asked)
  if (match === null) {
    const why = 'session is not one that this gateway gave; connect without it'
    throw new Closing('malformed', 'bad_request', why)
  }
  if (match[1] === userTag) return asked
  throw new Closing('forbidden', 'forbidden', "the session is another user's; connect without it")
}

/** By which others know a session: the id itself opens it. */
export function publicIdOf(session: string): string {
  return hash('sha256', session, 'hex').slice(0, 32)
}
