/**
 * What the nodes tell one another of presence, as bytes that the backbone's control carries.
 */
import type { Info } from './info.ts'
import type { Change } from './view.ts'
import { objectIn } from '../protocol/json.ts'

export type ChannelChange = Change & { readonly channel: string }

export type Announcement =
  | { readonly kind: 'changes'; readonly changes: readonly ChannelChange[] }
  /** Nobody is on the sender any more, in any channel. */
  | { readonly kind: 'gone' }

const KIND = 'presence'

/**
 * As a list each, since there are many of them. The last two are there where the user has said something; a node of an older
 * version does not look at them, and sends none.
 */
type Row = readonly [
  channel: string,
  user: string,
  version: number,
  present: boolean,
  at?: number,
  json?: string,
]

/** So much in one announcement: far below what the backbone carries. */
const CHARACTERS_MAX = 65_536
/** Of a change, beside its texts. */
const CHARACTERS_AROUND = 64

/** Changes as they go out together: those that say much need several announcements. */
export function inAnnouncements(changes: readonly ChannelChange[]): ChannelChange[][] {
  const pieces: ChannelChange[][] = []
  let room = 0
  for (const change of changes) {
    const { channel, user, info } = change
    const characters = CHARACTERS_AROUND + channel.length + user.length + (info?.json?.length ?? 0)
    if (pieces.length === 0 || room < characters) {
      pieces.push([])
      room = CHARACTERS_MAX
    }
    room -= characters
    pieces.at(-1)?.push(change)
  }
  return pieces
}

export function encodeAnnouncement(announcement: Announcement): Uint8Array {
  const message =
    announcement.kind === 'gone'
      ? { kind: KIND, gone: true }
      : { kind: KIND, changes: announcement.changes.map(asRow) }
  return Buffer.from(JSON.stringify(message))
}

/** `undefined`: not of presence, or of a form that this version does not know. */
export function decodeAnnouncement(payload: Uint8Array): Announcement | undefined {
  const { kind, gone, changes } = objectIn(Buffer.from(payload).toString()) ?? {}
  if (kind !== KIND) return undefined
  if (gone === true) return { kind: 'gone' }
  if (!Array.isArray(changes) || !changes.every(isRow)) return undefined
  return {
    kind: 'changes',
    changes: changes.map(asChange),
  }
}

function asRow({ channel, user, version, present, info }: ChannelChange): Row {
  if (info === undefined) return [channel, user, version, present]
  const { at, json } = info
  return json === undefined
    ? [channel, user, version, present, at]
    : [channel, user, version, present, at, json]
}

function asChange([channel, user, version, present, at, json]: Row): ChannelChange {
  const info: Info | undefined = at === undefined ? undefined : { at, json }
  return { channel, user, version, present, ...(info === undefined ? {} : { info }) }
}

function isRow(row: unknown): row is Row {
  if (!Array.isArray(row)) return false
  const [channel, user, version, present, at, json] = row as unknown[]
  return (
    typeof channel === 'string' &&
    typeof user === 'string' &&
    Number.isSafeInteger(version) &&
    typeof present === 'boolean' &&
    (at === undefined || Number.isSafeInteger(at)) &&
    (json === undefined || typeof json === 'string')
  )
}
