/**
 * Members of a client's frame: each is what it must be, or the frame is malformed, in words for whoever sent it. Pure.
 */
import { CHANNEL_RULE, INBOX, isChannel } from '../../protocol/channel.ts'
import { isObject } from '../../protocol/json.ts'
import { EPOCH, isOffset, type Position } from '../../protocol/position.ts'

export type Json = Readonly<Record<string, unknown>>

/** Why a frame cannot be read. `ref` is the request's where it could be found, so that the error can name it. */
export class MalformedFrame extends Error {
  override readonly name = 'MalformedFrame'
  readonly ref: number | undefined
  /** Not even a JSON object: the peer does not speak the protocol, and the connection ends. */
  readonly fatal: boolean

  constructor(message: string, requestRef: number | undefined, fatal: boolean) {
    super(message)
    this.ref = requestRef
    this.fatal = fatal
  }
}

export function channel(frame: Json): string {
  const name = frame['channel']
  if (!isSubscribable(name)) throw malformed(frame, `channel must not be ${shown(name)}: ${CHANNEL_RULE}`)
  return name
}

export function isSubscribable(name: unknown): name is string {
  return name === INBOX || isChannel(name)
}

export function ref(frame: Json): number {
  return count(frame, 'ref', frame['ref'])
}

export function knownRef(frame: Json): number | undefined {
  const value = frame['ref']
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined
}

export function position(frame: Json, where: string, value: unknown): Position {
  if (!isObject(value)) throw malformed(frame, `${where} must be {epoch, offset}`)
  const { epoch, offset } = value
  if (typeof epoch !== 'string' || !EPOCH.test(epoch)) {
    throw malformed(frame, `${where}.epoch must be 1 to 32 letters and digits, as the gateway gave it`)
  }
  return { epoch, offset: count(frame, `${where}.offset`, offset) }
}

export function count(frame: Json, where: string, value: unknown): number {
  if (!isOffset(value)) {
    throw malformed(
      frame,
      `${where} must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, not ${shown(value)}`,
    )
  }
  return value
}

export function text(frame: Json, where: string, lengthMax: number, value: unknown = frame[where]): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > lengthMax) {
    throw malformed(frame, `${where} must be a text of 1 to ${lengthMax} characters`)
  }
  return value
}

export function malformed(frame: Json, message: string): MalformedFrame {
  return new MalformedFrame(`${String(frame['type'])}: ${message}`, knownRef(frame), false)
}

const SHOWN_LENGTH_MAX = 40

/** What came, short enough for an error. Of what has parts only the kind: whoever prints them goes as deep as they are. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'an array'
  if (isObject(value)) return 'an object'
  if (typeof value !== 'string') return `${value as number | boolean | null}`
  const quoted = JSON.stringify(value.slice(0, SHOWN_LENGTH_MAX))
  return value.length > SHOWN_LENGTH_MAX ? `${quoted.slice(0, -1)}…"` : quoted
}
