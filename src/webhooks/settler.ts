/**
 * Says which durable messages their users had not acknowledged after a while. Only of inboxes: of a channel nobody knows who was to get it.
 */
import type { Note } from './happening.ts'
import { cursorIn } from './dispatcher.ts'
import type { Entry, WebhookStore } from './store.ts'
import { isFurther } from '../acks/order.ts'
import { inboxOf } from '../protocol/channel.ts'
import { isObject, parseJson } from '../protocol/json.ts'
import type { Position } from '../protocol/position.ts'

export interface Unsettled {
  readonly user: string
  readonly epoch: string
  readonly offset: number
  /** The publisher's id of the message. */
  readonly message: string | undefined
}

export interface SettlerPorts {
  readonly store: Pick<WebhookStore, 'read' | 'cursors' | 'moveCursor' | 'trim' | 'note'>
  readonly now: () => number
  /** How far a user has acknowledged a channel. Fails with `unavailable`. */
  readonly acked: (user: string, channel: string) => Promise<Position | undefined>
}

const READER = 'settler'
const READ_AT_ONCE = 200

export function unsettledText(unsettled: Unsettled): string {
  return JSON.stringify(unsettled)
}

/** To be called by one node at a time. Fails with `unavailable`: what was not looked at is looked at again. */
export async function settle(afterMs: number, { store, now, acked }: SettlerPorts): Promise<void> {
  const from = cursorIn((await store.cursors('unsettled')).get(READER))?.place ?? ''
  const entries = await store.read('unsettled', from, READ_AT_ONCE)
  const due = entries.filter(({ atMs }) => atMs + afterMs <= now())
  const last = due.at(-1)
  if (last === undefined) return
  const notes = await Promise.all(due.map((entry) => missing(entry, acked)))
  await store.note(
    'events',
    notes.flatMap((note) => (note === undefined ? [] : [{ text: JSON.stringify(note) }])),
  )
  await store.moveCursor('unsettled', READER, `${last.place} ${last.number}`)
  await store.trim('unsettled', last.place)
}

/** Its id is that of the entry, so that it is the same where two nodes make it. */
async function missing(
  { place, what }: Entry,
  acked: SettlerPorts['acked'],
): Promise<(Note & { readonly id: string }) | undefined> {
  const unsettled = 'text' in what ? unsettledIn(what.text) : undefined
  if (unsettled === undefined) return undefined
  const { user, epoch, offset, message } = unsettled
  const known = await acked(user, inboxOf(user))
  if (known !== undefined && !isFurther({ epoch, offset }, known)) return undefined
  return { id: `unacknowledged-${place}`, kind: 'unacknowledged', user, message, offset }
}

function unsettledIn(text: string): Unsettled | undefined {
  const value: unknown = parseJson(text)
  if (!isObject(value) || typeof value['user'] !== 'string' || typeof value['epoch'] !== 'string')
    return undefined
  return value as unknown as Unsettled
}
