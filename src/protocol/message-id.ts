/**
 * Idempotency ids: what one may be, and whose it is.
 */

const ID_LENGTH_MAX = 128

/** What a refused id is told; one sentence, so that every door says the same. */
export const ID_RULE = `a text of 1 to ${ID_LENGTH_MAX} characters without control characters, all of them Unicode`

/**
 * A lone surrogate has no UTF-8 form, and what a decoder could not read becomes U+FFFD: stored, two different ids would be
 * one. Control characters do not fit through the door of NATS, where an id is a header.
 */
const UNFIT = /[\p{Cc}\p{Cs}\uFFFD]/u

/** Of a text beside a payload: an id, an event, a header. */
export function isUnfit(text: string): boolean {
  return UNFIT.test(text)
}

export function isMessageId(id: unknown): id is string {
  return typeof id === 'string' && id.length > 0 && id.length <= ID_LENGTH_MAX && !isUnfit(id)
}

/**
 * What a log remembers an id by. Ids are those of who publishes: backends share theirs, whichever door they come through, and
 * each user has their own. So nobody can take an id away from a backend by guessing it.
 */
export function idKeyOf({
  id,
  from,
}: {
  readonly id: string | undefined
  readonly from?: string | undefined
}): string | undefined {
  // Neither a user's name nor an id has a line break, so the one that stands in a key ends the name.
  return id === undefined || from === undefined ? id : `${from}\n${id}`
}
