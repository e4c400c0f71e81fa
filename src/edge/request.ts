/**
 * What a request of a stream or a poll says, by its headers and its query.
 */
import type { RequestHead } from '../drivers/uws.ts'
import { SluiceError } from '../errors.ts'
import { parseCursor, tagOf } from '../protocol/cursor.ts'
import { bytesOfReturn } from '../protocol/request-head.ts'

const WAIT_DEFAULT_S = 25
const WAIT_MAX_S = 120

type Resume = ReturnType<typeof parseCursor> & { readonly kind: 'positions' }

/** What polyfills of `EventSource` send that cannot set a header; before `cursor`, which is in a URL that they keep. */
const LAST_EVENT_ID = ['lastEventId', 'Last-Event-ID']

/** Of a stream a browser sends the header by itself; who cannot send it, and a poll, has a parameter. */
export function cursorOf({ path, headers, query }: RequestHead): string | undefined {
  const parameters = new URLSearchParams(query)
  const isStream = path === '/v1/sse'
  const ids = isStream ? [headers['last-event-id'], ...LAST_EVENT_ID.map((name) => parameters.get(name))] : []
  return (
    [...ids, parameters.get('cursor')].find((id) => id !== undefined && id !== null && id !== '') ?? undefined
  )
}

/** `undefined`: the client starts anew. Fails where the cursor is another user's, or none. */
export function resumeOf(cursor: string | undefined, user: string): Resume | undefined {
  if (cursor === undefined || cursor === '') return undefined
  const parsed = parseCursor(cursor, tagOf(user))
  switch (parsed.kind) {
    case 'positions':
      return parsed
    case 'foreign':
      throw new SluiceError('forbidden', "the cursor is another user's; start without one")
    case 'malformed':
      throw new SluiceError('bad_request', 'the cursor is not one that this gateway gave; start without one')
  }
}

/** Who could not come back with a cursor would be lost then, without a word: better to say so now. `channels`: with the inbox. */
export function returnMisfit(
  { query, headers }: RequestHead,
  channels: number,
  headBytesMax: number,
): string | undefined {
  const asked = [
    query.replaceAll(/(?:^|&)(?:cursor|last-?event-?id)=[^&]*/gi, ''),
    headers.authorization,
    headers.cookie,
  ]
  const bytes = bytesOfReturn(asked, channels)
  if (bytes <= headBytesMax) return undefined
  const rest = `${headBytesMax} fit into URL and headers; ask for fewer channels, or use WebSocket`
  return `with the cursor of its ${channels - 1} channels the request has about ${bytes} bytes, and ${rest}`
}

export function waitOf(wait: string | null): number {
  if (wait === null) return WAIT_DEFAULT_S * 1000
  const seconds = Number(wait)
  if (wait.trim() === '' || !Number.isFinite(seconds) || seconds < 0 || seconds > WAIT_MAX_S) {
    throw new SluiceError('bad_request', `wait is a number of seconds from 0 to ${WAIT_MAX_S}`)
  }
  return seconds * 1000
}

export function bearer(head: RequestHead): string | undefined {
  const value = head.headers.authorization
  return value !== undefined && /^Bearer /i.test(value) ? value.slice(7).trim() : undefined
}

export function cookie(head: RequestHead, name: string): string | undefined {
  for (const pair of head.headers.cookie?.split(';') ?? []) {
    const equals = pair.indexOf('=')
    if (equals !== -1 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return undefined
}

export function listed(header: string): string[] {
  return header.split(',').map((item) => item.trim())
}

/** As `EventSource` asks: it gives up for good on any status but 200. */
export function isEventSource(head: RequestHead): boolean {
  return head.path === '/v1/sse' && head.headers.accept === 'text/event-stream'
}
