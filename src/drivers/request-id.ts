/**
 * What a request is called, in the answer and in the log: as whoever asks has called it, where that is fit for both, else a new name.
 */
import { randomUUID } from 'node:crypto'

export const REQUEST_ID_HEADER = 'x-request-id'

const FIT = /^[\x21-\x7e]{1,128}$/

/** The last four digits, two by two. */
const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const IDS_PER_BEGINNING = 65_536

let beginning = ''
let given = IDS_PER_BEGINNING

export function requestIdOf(asked: string | undefined): string {
  return asked !== undefined && FIT.test(asked) ? asked : newId()
}

/**
 * A random beginning serves for as many as its last four digits count: a UUID for each request would be a microsecond. Nothing is
 * allowed to whoever knows an id, so he may guess the next one.
 */
function newId(): string {
  if (given === IDS_PER_BEGINNING) {
    beginning = randomUUID().slice(0, -4)
    given = 0
  }
  const number = given++
  return beginning + (PAIRS[number >> 8] as string) + (PAIRS[number & 0xff] as string)
}
