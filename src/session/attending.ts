/**
 * As whom a session is in the channels that it is subscribed to, and what it says there of its user: data as a payload is, but
 * smaller.
 */
import type { SessionPorts } from './ports.ts'
import { checkKeepsPresence } from './reading.ts'
import type { Session } from './session.ts'
import { takePublish } from './user-limits.ts'
import { SluiceError } from '../errors.ts'
import type { Entry, Statement } from '../presence/info.ts'
import { isDeeper } from '../protocol/json.ts'
import { normalPayload } from '../publish/payload.ts'

type AttendingPorts = Pick<
  SessionPorts,
  'presence' | 'presenceRules' | 'policyOf' | 'quotas' | 'metrics' | 'clock'
>

/** A session, as much of it as is in a channel. */
interface Attendee {
  readonly user: string
  subscriptionOf(channel: string): unknown
}

/**
 * What a client asks for, as it is kept and told, with the moment that stands for when it was said. It reaches as many as a publish
 * does, so it counts as one. Fails with a `SluiceError`.
 */
export function checkedEntry(
  attendee: Attendee,
  channel: string,
  entry: Entry,
  ports: AttendingPorts,
): Entry {
  // Nobody hears of it, and nobody would have heard of who comes.
  if (entry === 'absent' && attendee.subscriptionOf(channel) === undefined) return entry
  checkKeepsPresence(channel, ports)
  takePublish(ports, attendee.user)
  return entry === 'absent' ? entry : checkedStatement(entry, ports)
}

/** The session has the channel already, and says so. */
export function attend(
  attendee: Attendee,
  channel: string,
  entry: Entry,
  { presence }: AttendingPorts,
): void {
  if (entry === 'absent') presence.withdraws(channel, attendee.user, attendee)
  else presence.says(channel, attendee.user, attendee, entry)
}

/** Answers when it was said. */
export function enter(
  attendee: Attendee,
  channel: string,
  entry: Entry,
  ports: AttendingPorts,
): number | undefined {
  checkKeepsPresence(channel, ports)
  if (attendee.subscriptionOf(channel) === undefined)
    throw new SluiceError('not_found', `${channel} is not subscribed to, so nobody can be in it`)
  const checked = checkedEntry(attendee, channel, entry, ports)
  attend(attendee, channel, checked, ports)
  return atOf(checked)
}

export function atOf(entry: Entry | undefined): number | undefined {
  return entry === undefined || entry === 'absent' ? undefined : entry.at
}

/** As whom it comes: as it says, or as somebody else says of it, as JSON. */
export interface As {
  readonly entry?: Entry | undefined
  readonly said?: string | undefined
}

/** Of a client that has not said it itself: its protocol may have names of its own for who is in a channel. */
function entryOf(session: Session, channel: string, said: string | undefined): Entry | undefined {
  return (
    session.connection.entryIn?.(session, channel, said) ?? (said === undefined ? undefined : { json: said })
  )
}

/** The session is subscribed from now on. */
export function arrive(
  session: Session,
  channel: string,
  { entry, said }: As,
  { presence, policyOf }: AttendingPorts,
): void {
  if (!policyOf(channel).presence) return
  presence.entered(channel, session.user, session, entry ?? entryOf(session, channel, said))
}

export interface CheckedEntries {
  readonly entries: ReadonlyMap<string, Entry>
  /** Of channels on which the client is as if it had said nothing. */
  readonly refused: readonly SluiceError[]
}

const NO_ENTRIES: CheckedEntries = { entries: new Map(), refused: [] }

/** Of a connection that comes: it is served whatever it says of its user, or it would come again and again. */
export function checkedEntries(
  entries: ReadonlyMap<string, Entry> | undefined,
  ports: AttendingPorts,
): CheckedEntries {
  if (entries === undefined) return NO_ENTRIES
  const checked = new Map<string, Entry>()
  const refused: SluiceError[] = []
  for (const [channel, entry] of entries) {
    try {
      checked.set(channel, entry === 'absent' ? entry : checkedStatement(entry, ports))
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error
      refused.push(new SluiceError(error.code, `enter: ${channel}: ${error.message}`))
    }
  }
  return { entries: checked, refused }
}

function checkedStatement(
  { json, at, user }: Statement,
  { presence, presenceRules }: AttendingPorts,
): Statement {
  const now = presence.now()
  const checked = { user, at: Math.min(at ?? now, now) }
  return json === undefined ? { ...checked, json } : { ...checked, json: normalJson(json, presenceRules) }
}

function normalJson(json: string, { bytesMax, jsonDepthMax }: SessionPorts['presenceRules']): string {
  if (isDeeper(json, jsonDepthMax)) {
    const why = `data is nested deeper than limits.jsonDepth allows, which is ${jsonDepthMax}`
    throw new SluiceError('bad_request', why)
  }
  const rules = { bytesMax, jsonDepthMax, parsed: true, limit: 'limits.presenceData' }
  return Buffer.from(normalPayload({ data: Buffer.from(json), binary: false }, rules).data).toString()
}
