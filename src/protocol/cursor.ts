/**
 * The cursor of a stream or a poll: the positions of all its channels in one short line of text, which a browser
 * sends back as `Last-Event-ID`.
 *
 *   cursor    = "1" *( "~" segment ) [ "~" ticket ] [ "~" departure ] "~" owner
 *   segment   = channel-tag offset "." epoch
 *   departure = "-moved-" turns number "." node
 *
 * `channel-tag` is 8 characters that stand for the channel's name, `offset` is in base 36, `owner` is 8 characters
 * that stand for the user: a cursor carried over to another user is refused, because its inbox positions are not his.
 * The positions grant nothing (channels are authorized by the token), so they are not signed; whoever forges a position
 * of his own channels gets at most the messages that he could have asked for, or a `reset`. What is signed is the claim
 * to have been here before, which is worth a place in a queue: `ticket`, see `ticket.ts`.
 *
 * `departure` is only in the last cursor that a client gets of a node which sends it away: with it the next node can
 * tell that one that its client is back. It has the form of a segment, of a channel that nobody asks for, so that nodes which do
 * not know it read over it: in a rollback they are the ones that get it.
 */
import { hash } from 'node:crypto'
import type { Position } from './position.ts'
import { TICKET_TAG } from './ticket.ts'

const TAG_LENGTH = 8
const VERSION = '1'
const SEGMENT = /^([A-Za-z0-9_-]{8})([0-9a-z]{1,11})\.([A-Za-z0-9]{1,32})$/
const DEPARTURE = '-moved-'
const SENT_AWAY =
  /^(1[A-Za-z0-9~._-]*)~-moved-([0-9])([0-9a-z]{1,11})\.([A-Za-z0-9]{1,32})(~[A-Za-z0-9_-]{8})$/
/** The count of the turns is one digit. */
const TURNS_MAX = 9

/** Where a client was sent away from. It grants nothing either: a forged one spoils no count but its own user's. */
export interface Departure {
  readonly node: string
  /** Of the client, among those whom the node has sent away. */
  readonly number: number
  /** How often other nodes have sent the client on since. */
  readonly turns: number
}

/** 48 bits of a name: two channels of one stream share a tag once in 10^14. */
export function tagOf(name: string): string {
  return hash('sha256', name, 'base64url').slice(0, TAG_LENGTH)
}

/** What a segment has, about: nine digits of an offset, and an epoch as the logs of the gateway give it. */
export const CURSOR_SEGMENT_BYTES = 36

/** The part of a cursor that says where one channel is, with its separator. */
export function cursorSegment(channelTag: string, position: Position): string {
  return `~${channelTag}${position.offset.toString(36)}.${position.epoch}`
}

/** A whole cursor from the segments of the channels that have a position, and others: a ticket, a departure. */
export function composeCursor(segments: Iterable<string>, ownerTag: string, others = ''): string {
  return cursorStart(segments) + cursorEnd(others, ownerTag)
}

/** What the cursors of streams of the same channels have in common; `cursorEnd` goes behind it. */
export function cursorStart(segments: Iterable<string>): string {
  let cursor = VERSION
  for (const segment of segments) cursor += segment
  return cursor
}

/** What is a stream's own. `segments`: its last ones, or nothing. */
export function cursorEnd(segments: string, ownerTag: string): string {
  return `${segments}~${ownerTag}`
}

/** The part of a cursor that says where its client was sent away from, with its separator. */
export function departureSegment({ node, number, turns }: Departure): string {
  return `~${DEPARTURE}${Math.min(turns, TURNS_MAX)}${number.toString(36)}.${node}`
}

/**
 * How two nodes name to one another a client that was sent away. With the owner in it a number that was made up, or
 * found out, finds no client but one of the same user.
 */
export function departureKey(number: number, ownerTag: string): string {
  return `${number.toString(36)}~${ownerTag}`
}

type Six = [string, string, string, string, string, string]

/**
 * Of any text, before it is known whose cursor it is, or whether it is one. `again`: the cursor for a client that is sent on
 * once more; one line, whatever the text was.
 */
export function departureIn(cursor: string): (Departure & { readonly again: string }) | undefined {
  const match = SENT_AWAY.exec(cursor)
  if (match === null) return undefined
  const [, before, turns, number, node, owner] = match as unknown as Six
  const departure = { node, number: Number.parseInt(number, 36), turns: Number(turns) }
  const segment = departureSegment({ ...departure, turns: departure.turns + 1 })
  return { ...departure, again: `${before}${segment}${owner}` }
}

/** `malformed`: not a cursor. `foreign`: a cursor of another user. */
export type ParsedCursor =
  | {
      kind: 'positions'
      byTag: ReadonlyMap<string, Position>
      /** `undefined`: the client was not sent away. */
      departure: Departure | undefined
    }
  | { kind: 'malformed' }
  | { kind: 'foreign' }

export function parseCursor(cursor: string, ownerTag: string): ParsedCursor {
  const [version, ...rest] = cursor.split('~')
  const owner = rest.pop()
  if (version !== VERSION || owner === undefined || !/^[A-Za-z0-9_-]{8}$/.test(owner))
    return { kind: 'malformed' }
  const byTag = new Map<string, Position>()
  for (const segment of rest) {
    const match = SEGMENT.exec(segment)
    if (match === null) return { kind: 'malformed' }
    const [, tag, offset, epoch] = match as unknown as [string, string, string, string]
    if (tag === TICKET_TAG || tag.startsWith(DEPARTURE)) continue
    const position = { epoch, offset: Number.parseInt(offset, 36) }
    if (!Number.isSafeInteger(position.offset) || byTag.has(tag)) return { kind: 'malformed' }
    byTag.set(tag, position)
  }
  return owner === ownerTag
    ? { kind: 'positions', byTag, departure: departureIn(cursor) }
    : { kind: 'foreign' }
}
