/**
 * What a request of a stream or a poll says, by its headers and its query.
 */
import type { RequestHead } from '../drivers/uws.ts'
import { SluiceError } from '../errors.ts'
import { parseCursor, tagOf } from '../protocol/cursor.ts'
import { bytesOfReturn, fitting } from '../protocol/request-head.ts'

type Resume = ReturnType<typeof parseCursor> & { readonly kind: 'positions' }

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

/** So many channels fit into what comes back with a cursor, with the inbox: also those that a backend has put the user on. */
export function channelsThatFit({ query, headers }: RequestHead, headBytesMax: number): number {
  return fitting(askedOf({ query, headers }), headBytesMax)
}

/** Who could not come back with a cursor would be lost then, without a word: better to say so now. `channels`: with the inbox. */
export function returnMisfit(
  { query, headers }: RequestHead,
  channels: number,
  headBytesMax: number,
): string | undefined {
  const bytes = bytesOfReturn(askedOf({ query, headers }), channels)
  if (bytes <= headBytesMax) return undefined
  const rest = `${headBytesMax} fit into URL and headers; ask for fewer channels, or use WebSocket`
  return `with the cursor of its ${channels - 1} channels the request has about ${bytes} bytes, and ${rest}`
}

/** What the request brings itself each time. */
function askedOf({
  query,
  headers,
}: Pick<RequestHead, 'query' | 'headers'>): readonly (string | undefined)[] {
  const withoutCursor = query.replaceAll(/(?:^|&)(?:cursor|last-?event-?id)=[^&]*/gi, '')
  return [withoutCursor, headers.authorization, headers.cookie]
}
