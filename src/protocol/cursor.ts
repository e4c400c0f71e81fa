/**
 * The cursor of a stream or a poll: the positions of all its channels in one short line of text, which a browser
 * sends back as `Last-Event-ID`.
 *
 *   cursor  = "1" *( "~" segment ) "~" owner
 *   segment = channel-tag offset "." epoch
 *
 * `channel-tag` is 8 characters that stand for the channel's name, `offset` is in base 36, `owner` is 8 characters
 * that stand for the user: a cursor carried over to another user is refused, because its inbox positions are not his.
 * A cursor grants nothing (channels are authorized by the token), so it is not signed; whoever forges a position
 * of his own channels gets at most the messages that he could have asked for, or a `reset`.
 */
import { hash } from 'node:crypto'
import type { Position } from './frames.ts'

export const EPOCH = /^[A-Za-z0-9]{1,32}$/
const TAG_LENGTH = 8
const VERSION = '1'
const SEGMENT = /^([A-Za-z0-9_-]{8})([0-9a-z]{1,11})\.([A-Za-z0-9]{1,32})$/

/** 48 bits of a name: two channels of one stream share a tag once in 10^14. */
export function tagOf(name: string): string {
  return hash('sha256', name, 'base64url').slice(0, TAG_LENGTH)
}

/** The part of a cursor that says where one channel is, with its separator. */
export function cursorSegment(channelTag: string, position: Position): string {
  return `~${channelTag}${position.offset.toString(36)}.${position.epoch}`
}

/** A whole cursor from the segments of the channels that have a position. */
export function composeCursor(segments: Iterable<string>, ownerTag: string): string {
  let cursor = VERSION
  for (const segment of segments) cursor += segment
  return `${cursor}~${ownerTag}`
}

/** `malformed`: not a cursor. `foreign`: a cursor of another user. */
export type ParsedCursor =
  { kind: 'positions'; byTag: ReadonlyMap<string, Position> } | { kind: 'malformed' } | { kind: 'foreign' }

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
    const position = { epoch, offset: Number.parseInt(offset, 36) }
    if (!Number.isSafeInteger(position.offset) || byTag.has(tag)) return { kind: 'malformed' }
    byTag.set(tag, position)
  }
  return owner === ownerTag ? { kind: 'positions', byTag } : { kind: 'foreign' }
}
