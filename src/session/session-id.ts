/**
 * Session ids: 24 random characters and 8 that stand for the user, so that any node can tell without a look-up that
 * a session is another user's.
 */
import { hash, randomBytes } from 'node:crypto'
import { Closing } from '../errors.ts'
import { tagOf } from '../protocol/cursor.ts'

const RANDOM_BYTES = 18
/** Asking the system for each id costs more than all the rest of making one. */
const POOL_IDS = 256
const RANDOM_LENGTH = 24
const USER_TAG_LENGTH = 8
const ID_LENGTH = RANDOM_LENGTH + USER_TAG_LENGTH
const SESSION = /^[A-Za-z0-9_-]{24}([A-Za-z0-9_-]{8})$/

/** Texts of as many ids, with room for the tag of the user behind each. */
const pool = Buffer.alloc(ID_LENGTH * POOL_IDS)
let used = pool.length

function fillPool(): void {
  const random = randomBytes(RANDOM_BYTES * POOL_IDS).toString('base64url')
  for (let i = 0; i < POOL_IDS; i++)
    pool.write(random.slice(i * RANDOM_LENGTH, (i + 1) * RANDOM_LENGTH), i * ID_LENGTH, 'latin1')
  used = 0
}

/** `userTag`: the cursor's tag of the user, see `tagOf`. */
export function newSessionId(userTag: string): string {
  if (used === pool.length) fillPool()
  pool.write(userTag, used + RANDOM_LENGTH, 'latin1')
  used += ID_LENGTH
  // One flat string: a concatenation would keep its parts in memory as well.
  return pool.toString('latin1', used - ID_LENGTH, used)
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
