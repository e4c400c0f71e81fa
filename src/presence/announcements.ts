/**
 * What the nodes tell one another of presence, as bytes that the backbone's control carries.
 */
import type { Change } from './view.ts'
import { JsonFault, parseJson } from '../protocol/json.ts'

export type ChannelChange = Change & { readonly channel: string }

export type Announcement =
  | { readonly kind: 'changes'; readonly changes: readonly ChannelChange[] }
  /** Nobody is on the sender any more, in any channel. */
  | { readonly kind: 'gone' }

const KIND = 'presence'

/** As a list each, since there are many of them: channel, user, version, whether the user is there. */
type Row = readonly [channel: string, user: string, version: number, present: boolean]

export function encodeAnnouncement(announcement: Announcement): Uint8Array {
  const message =
    announcement.kind === 'gone'
      ? { kind: KIND, gone: true }
      : { kind: KIND, changes: announcement.changes.map(asRow) }
  return Buffer.from(JSON.stringify(message))
}

/** `undefined`: not of presence, or of a form that this version does not know. */
export function decodeAnnouncement(payload: Uint8Array): Announcement | undefined {
  let message: unknown
  try {
    message = parseJson(Buffer.from(payload).toString())
  } catch (error) {
    if (error instanceof JsonFault) return undefined
    throw error
  }
  if (typeof message !== 'object' || message === null) return undefined
  const { kind, gone, changes } = message as Record<string, unknown>
  if (kind !== KIND) return undefined
  if (gone === true) return { kind: 'gone' }
  if (!Array.isArray(changes) || !changes.every(isRow)) return undefined
  return {
    kind: 'changes',
    changes: changes.map(([channel, user, version, present]) => ({ channel, user, version, present })),
  }
}

function asRow({ channel, user, version, present }: ChannelChange): Row {
  return [channel, user, version, present]
}

function isRow(row: unknown): row is Row {
  if (!Array.isArray(row)) return false
  const [channel, user, version, present] = row as unknown[]
  return (
    typeof channel === 'string' &&
    typeof user === 'string' &&
    Number.isSafeInteger(version) &&
    typeof present === 'boolean'
  )
}
