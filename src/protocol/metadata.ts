/**
 * What a message may say of itself beside its payload, and who is not to get it. Filters and programs read these, never the payload. Here and
 * nowhere else stands what each may be; the publisher asks for every door. Pure; the SDK has the types.
 *
 *   event     what the message is: shown to clients
 *   headers   a few short texts by name: shown to clients
 *   exclude   a session or connection that does not get the message, live or replayed, on whichever node: shown to nobody
 */
import { isUnfit } from './message-id.ts'

export interface Metadata {
  readonly event?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly exclude?: string
}

/** As it came through a door. */
export type GivenMetadata = Readonly<Partial<Record<keyof Metadata, unknown>>>

export const EVENT_BYTES_MAX = 200
export const HEADERS_MAX = 16
export const HEADERS_BYTES_MAX = 1024
const HEADER_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/
/** Session ids, and what the dialects name their connections by. */
const EXCLUDE = /^[A-Za-z0-9_.:-]{1,128}$/
/** White space at an end is lost at the door of NATS. */
const BLANK_END = /^\s|\s$/

/** What a refused one is told; one sentence each, so that every door says the same. */
export const EVENT_RULE = `a text of 1 to ${EVENT_BYTES_MAX} bytes in UTF-8, without control characters, and without white space at either end`
export const HEADERS_RULE = `an object of at most ${HEADERS_MAX} texts without control characters and white space at their ends, with names of 1 to 64 of A-Z a-z 0-9 _ . - (a letter or digit first), ${HEADERS_BYTES_MAX} bytes in UTF-8 all together`
export const EXCLUDE_RULE = 'a session or connection: 1 to 128 of A-Z a-z 0-9 _ . : -'

const encoder = new TextEncoder()

export function isEvent(event: unknown): event is string {
  return typeof event === 'string' && event !== '' && isText(event) && bytesOf(event) <= EVENT_BYTES_MAX
}

/** A sentence about what is wrong with it; `undefined`: nothing. */
export function metadataFault({ event, headers, exclude }: GivenMetadata): string | undefined {
  if (event !== undefined && !isEvent(event)) return `event must be ${EVENT_RULE}`
  if (headers !== undefined && !areHeaders(headers)) return `headers must be ${HEADERS_RULE}`
  if (exclude !== undefined && !(typeof exclude === 'string' && EXCLUDE.test(exclude)))
    return `exclude must be ${EXCLUDE_RULE}`
  return undefined
}

/** Of what has no fault: as messages carry it. `undefined`: nothing was given. */
export function metadataOf(given: GivenMetadata): Metadata | undefined {
  const { event, headers, exclude } = given as Metadata
  const some = headers !== undefined && Object.keys(headers).length > 0
  if (event === undefined && exclude === undefined && !some) return undefined
  return {
    ...(event === undefined ? {} : { event }),
    ...(some ? { headers } : {}),
    ...(exclude === undefined ? {} : { exclude }),
  }
}

/** About what it holds in memory. */
export function metadataBytes({ event = '', headers, exclude = '' }: Metadata): number {
  let bytes = OBJECT_BYTES + event.length + exclude.length
  for (const name in headers) bytes += ENTRY_BYTES + name.length + (headers[name] as string).length
  return bytes
}

const OBJECT_BYTES = 120
const ENTRY_BYTES = 48

function areHeaders(headers: unknown): boolean {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return false
  const entries = Object.entries(headers)
  if (entries.length > HEADERS_MAX) return false
  let bytes = 0
  for (const [name, value] of entries as [string, unknown][]) {
    if (!HEADER_NAME.test(name) || typeof value !== 'string' || !isText(value)) return false
    bytes += name.length + bytesOf(value)
  }
  return bytes <= HEADERS_BYTES_MAX
}

function isText(text: string): boolean {
  return !isUnfit(text) && !BLANK_END.test(text)
}

function bytesOf(text: string): number {
  return encoder.encode(text).length
}
