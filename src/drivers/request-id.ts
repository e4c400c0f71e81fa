/**
 * What a request is called, in the answer and in the log: as whoever asks has called it, where that is fit for both, else a new name.
 */
import { randomUUID } from 'node:crypto'

export const REQUEST_ID_HEADER = 'x-request-id'

const FIT = /^[\x21-\x7e]{1,128}$/

export function requestIdOf(given: string | undefined): string {
  return given !== undefined && FIT.test(given) ? given : randomUUID()
}
