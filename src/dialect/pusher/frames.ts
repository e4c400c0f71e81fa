/**
 * The frames of Pusher's protocol 7 (5 and 6 are the same here): text of one JSON object each, `{"event","channel"?,"data"?,"user_id"?}`. Pure.
 *
 * To the client `data` of a channel's event is JSON text within a text, as one client parses nothing else; of `pusher:error` it is an
 * object, as another one takes nothing else.
 */
import type { Position } from '../../protocol/position.ts'
import { isObject, JsonFault, parseJson } from '../../protocol/json.ts'
import { rawMember } from '../../protocol/raw-json.ts'

export interface Subscribe {
  readonly kind: 'subscribe'
  readonly channel: string
  readonly auth: string | undefined
  /** Exactly as the client sends it: it is signed. */
  readonly channelData: string | undefined
}

/** `data`: as JSON text; what came as a text stays one. */
export interface ClientEvent {
  readonly kind: 'event'
  readonly event: string
  readonly channel: string
  readonly data: string
}

/** Of our add-on: the client keeps its places. `positions`: those that it has, by the names of channels. */
export interface Hello {
  readonly kind: 'hello'
  readonly positions: ReadonlyMap<string, Position>
}

export type ClientFrame =
  | Subscribe
  | { readonly kind: 'unsubscribe'; readonly channel: string }
  | { readonly kind: 'ping' }
  | { readonly kind: 'pong' }
  | { readonly kind: 'signin'; readonly auth: string; readonly userData: string }
  | Hello
  | ClientEvent

/** Why a frame cannot be read, in a sentence for the client. */
export class FrameFault extends Error {
  override readonly name = 'FrameFault'
}

/** The events of clients begin with it. */
export const CLIENT_EVENT = 'client-'
const EVENT_LENGTH_MAX = 200
const DATA_BYTES_MAX = 10_240

type Json = Readonly<Record<string, unknown>>

/** Fails with `FrameFault`, whatever the text is. */
export function decodeFrame(text: string, jsonDepthMax: number): ClientFrame {
  const frame = jsonObjectIn(text, 'a frame', jsonDepthMax, 2)
  const { event, data } = frame
  if (typeof event !== 'string') throw new FrameFault('event must be a text')
  if (event.startsWith(CLIENT_EVENT)) return clientEvent(event, frame, text)
  switch (event) {
    case 'pusher:ping':
      return { kind: 'ping' }
    case 'pusher:pong':
      return { kind: 'pong' }
    case 'pusher:subscribe': {
      const { channel, auth, channel_data: channelData } = dataOf(data, jsonDepthMax)
      return {
        kind: 'subscribe',
        channel: textIn(channel, 'channel'),
        auth: optionalText(auth, 'auth'),
        channelData: optionalText(channelData, 'channel_data'),
      }
    }
    case 'pusher:unsubscribe':
      return { kind: 'unsubscribe', channel: textIn(dataOf(data, jsonDepthMax)['channel'], 'channel') }
    case 'pusher:signin': {
      const { auth, user_data: userData } = dataOf(data, jsonDepthMax)
      return { kind: 'signin', auth: textIn(auth, 'auth'), userData: textIn(userData, 'user_data') }
    }
    case 'pusher:sluice_hello':
      return { kind: 'hello', positions: positionsIn(dataOf(data, jsonDepthMax)['positions']) }
    default:
      throw new FrameFault(`${JSON.stringify(event.slice(0, 40))} is no event that a client may send`)
  }
}

function positionsIn(value: unknown): Map<string, Position> {
  if (value !== undefined && !isObject(value)) throw new FrameFault('positions must be an object')
  const positions = new Map<string, Position>()
  for (const [channel, position] of Object.entries(value ?? {})) {
    const { epoch, offset } = isObject(position) ? position : ({} as Json)
    if (typeof epoch !== 'string' || !Number.isSafeInteger(offset) || (offset as number) < 0)
      throw new FrameFault('a position is an object with epoch, a text, and offset, a whole number')
    positions.set(channel, { epoch, offset: offset as number })
  }
  return positions
}

function clientEvent(event: string, frame: Json, text: string): ClientFrame {
  if (event.length > EVENT_LENGTH_MAX)
    throw new FrameFault(`event must have at most ${EVENT_LENGTH_MAX} characters`)
  const data = rawMember(text, 'data') ?? 'null'
  if (Buffer.byteLength(data) > DATA_BYTES_MAX)
    throw new FrameFault(`data must have at most ${DATA_BYTES_MAX} bytes`)
  return { kind: 'event', event, channel: textIn(frame['channel'], 'channel'), data }
}

/** An object; of some libraries, one within a text. */
function dataOf(data: unknown, jsonDepthMax: number): Json {
  if (typeof data === 'string') return jsonObjectIn(data, 'data', jsonDepthMax, 2)
  if (isObject(data)) return data
  throw new FrameFault('data must be an object')
}

/** `around`: so many levels are those of the envelope. Fails with `FrameFault`. */
export function jsonObjectIn(text: string, what: string, jsonDepthMax: number, around: number): Json {
  let value: unknown
  try {
    value = parseJson(text, jsonDepthMax, around)
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    throw new FrameFault(`${what} ${error.message}`)
  }
  if (isObject(value)) return value
  throw new FrameFault(`${what} must be a JSON object`)
}

function textIn(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw new FrameFault(`${name} must be a text`)
}

/** pusher-js sends an empty `auth` for public channels. */
function optionalText(value: unknown, name: string): string | undefined {
  return value === undefined || value === '' || value === null ? undefined : textIn(value, name)
}

/** `activityTimeoutS`: after so long a silence the client pings. */
export function established(socketId: string, activityTimeoutS: number): string {
  const data = JSON.stringify({ socket_id: socketId, activity_timeout: activityTimeoutS })
  return eventFrame('pusher:connection_established', undefined, JSON.stringify(data))
}

export const PONG = '{"event":"pusher:pong","data":{}}'

/** `code` null: nothing that a client can act on. */
export function errorFrame(code: number | null, message: string): string {
  return JSON.stringify({ event: 'pusher:error', data: { code, message } })
}

/** Why somebody is not on a channel, in the words of Pusher's servers. */
export type Refusal = 'AuthError' | 'LimitReached' | 'InvalidChannel' | 'Unavailable'

export function subscriptionError(channel: string, type: Refusal, error: string, status: number): string {
  return JSON.stringify({ event: 'pusher:subscription_error', channel, data: { type, error, status } })
}

export interface Member {
  readonly id: string
  /** JSON text. */
  readonly info: string | undefined
}

/** `members`: of a presence channel. */
export function subscriptionSucceeded(channel: string, members?: readonly Member[]): string {
  const data = members === undefined ? '{}' : `{"presence":${presenceText(members)}}`
  return eventFrame('pusher_internal:subscription_succeeded', channel, JSON.stringify(data))
}

function presenceText(members: readonly Member[]): string {
  const ids = JSON.stringify(members.map(({ id }) => id))
  const hash = members.map(({ id, info }) => `${JSON.stringify(id)}:${info ?? 'null'}`).join(',')
  return `{"ids":${ids},"hash":{${hash}},"count":${members.length}}`
}

export function memberAdded(channel: string, { id, info }: Member): string {
  const data = `{"user_id":${JSON.stringify(id)}${info === undefined ? '' : `,"user_info":${info}`}}`
  return eventFrame('pusher_internal:member_added', channel, JSON.stringify(data))
}

export function memberRemoved(channel: string, id: string): string {
  return eventFrame(
    'pusher_internal:member_removed',
    channel,
    JSON.stringify(JSON.stringify({ user_id: id })),
  )
}

export function cacheMiss(channel: string): string {
  return eventFrame('pusher:cache_miss', channel, '"{}"')
}

/** How many connections are on a channel. */
export function subscriptionCount(channel: string, count: number): string {
  const data = JSON.stringify({ subscription_count: count })
  return eventFrame('pusher_internal:subscription_count', channel, JSON.stringify(data))
}

/** Who of a watchlist has come, and who has gone. */
export function watchlistEvents(online: readonly string[], offline: readonly string[]): string {
  const events = [
    { name: 'online', user_ids: online },
    { name: 'offline', user_ids: offline },
  ].filter(({ user_ids: ids }) => ids.length > 0)
  return eventFrame('pusher_internal:watchlist_events', undefined, JSON.stringify(JSON.stringify({ events })))
}

/** `userData`: as the client sent it. */
export function signedIn(userData: string): string {
  return JSON.stringify({ event: 'pusher:signin_success', data: { user_data: userData } })
}

/** An event of a channel. `data`: JSON text; what is no text goes as the text that it is written with. */
export function channelEvent(event: string, channel: string, data: string, userId?: string): string {
  return eventFrame(event, channel, data.startsWith('"') ? data : JSON.stringify(data), userId)
}

export interface Placed {
  readonly event: string
  readonly name: string
  /** JSON text. */
  readonly data: string
  readonly userId: string | undefined
}

/** An event of a channel for our add-on, which shows it to the application under its own name. */
export function placedEvent({ event, name, data, userId }: Placed, { epoch, offset }: Position): string {
  const who = userId === undefined ? '' : `,"user_id":${JSON.stringify(userId)}`
  const placed = `{"event":${JSON.stringify(event)},"data":${data}${who},${placeText(epoch, offset)}}`
  return eventFrame('pusher_internal:sluice_event', name, JSON.stringify(placed))
}

/** Where a subscription begins. */
export function positionFrame(name: string, { epoch, offset }: Position): string {
  return eventFrame('pusher_internal:sluice_position', name, JSON.stringify(`{${placeText(epoch, offset)}}`))
}

/** Something before the position may have been missed. */
export function gapFrame(name: string, { epoch, offset }: Position): string {
  return eventFrame('pusher_internal:sluice_gap', name, JSON.stringify(`{${placeText(epoch, offset)}}`))
}

function placeText(epoch: string, offset: number): string {
  return `"epoch":${JSON.stringify(epoch)},"offset":${offset}`
}

/** `data`: as it stands in the frame. */
function eventFrame(event: string, channel: string | undefined, data: string, userId?: string): string {
  const where = channel === undefined ? '' : `,"channel":${JSON.stringify(channel)}`
  const who = userId === undefined ? '' : `,"user_id":${JSON.stringify(userId)}`
  return `{"event":${JSON.stringify(event)}${where},"data":${data}${who}}`
}
