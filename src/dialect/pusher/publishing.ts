/**
 * What backends publish with a library of Pusher: the body of `events` and of `batch_events`, read and checked. Pure.
 */
import { attributesIn, CHANNELS_MAX, type Attribute } from './attributes.ts'
import { CHANNEL_RULE_OF_PUSHER, internalNameOf, kindOf } from './channel.ts'
import { sessionIdOf } from './socket-id.ts'
import { SluiceError } from '../../errors.ts'
import type { Payload } from '../../protocol/message.ts'
import { isObject, JsonFault, parseJson } from '../../protocol/json.ts'
import { onOneLine } from '../../protocol/raw-json.ts'

export interface EventLimits {
  /** What stands before the names of the app's channels. */
  readonly prefix: string
  readonly dataBytesMax: number
  readonly jsonDepthMax: number
}

export interface PusherEvent {
  readonly event: string
  /** By their internal names. */
  readonly channels: readonly string[]
  readonly payload: Payload
  /** The session that does not get it. */
  readonly exclude: string | undefined
  /** What it wants to know of its channels. */
  readonly info: ReadonlySet<Attribute>
}

/** As many as Pusher takes. */
export const BATCH_MAX = 10
const NAME_LENGTH_MAX = 200

type Json = Readonly<Record<string, unknown>>

/** The body of `events`. Fails with `bad_request` or `limit_exceeded`. */
export function readEvent(body: string, limits: EventLimits): PusherEvent {
  const fields = objectOf(parsed(body, limits.jsonDepthMax))
  const { channels, channel } = fields
  if (channels !== undefined && !Array.isArray(channels)) throw bad('channels must be a list of texts')
  const names: readonly unknown[] = channels ?? [channel]
  if (names.length === 0 || names.length > CHANNELS_MAX)
    throw bad(`an event goes to 1 to ${CHANNELS_MAX} channels`)
  if (names.length > 1 && names.some((name) => typeof name === 'string' && kindOf(name).encrypted))
    throw bad('an event for an encrypted channel goes to that channel alone')
  return eventOf(fields, names, limits)
}

/** The body of `batch_events`. Fails as `readEvent`. */
export function readBatch(body: string, limits: EventLimits): readonly PusherEvent[] {
  const { batch } = objectOf(parsed(body, limits.jsonDepthMax))
  if (!Array.isArray(batch) || batch.length === 0 || batch.length > BATCH_MAX)
    throw bad(`batch must be a list of 1 to ${BATCH_MAX} events`)
  return batch.map((one) => {
    const fields = objectOf(one)
    return eventOf(fields, [fields['channel']], limits)
  })
}

/** The old form: an event for one channel, whose name is in the query. Fails as `readEvent`. */
export function readSingle(
  {
    channel,
    body,
    query,
  }: { readonly channel: string; readonly body: string; readonly query: URLSearchParams },
  limits: EventLimits,
): PusherEvent {
  const fields = { name: query.get('name'), data: body, socket_id: query.get('socket_id') }
  return eventOf(fields, [channel], limits)
}

function eventOf(fields: Json, names: readonly unknown[], limits: EventLimits): PusherEvent {
  const { name, data, socket_id: socketId, info } = fields
  if (typeof name !== 'string' || name === '' || name.length > NAME_LENGTH_MAX)
    throw bad(`name must be a text of 1 to ${NAME_LENGTH_MAX} characters`)
  const exclude = sessionIdOf(socketId)
  if (socketId !== undefined && socketId !== null && exclude === undefined)
    throw bad('socket_id must be what the client was given, such as 1234.5678')
  return {
    event: name,
    channels: names.map((one) => channelOf(one, limits.prefix)),
    payload: payloadOf(data, limits.dataBytesMax),
    exclude,
    info: attributesIn(info),
  }
}

function channelOf(name: unknown, prefix: string): string {
  if (typeof name !== 'string') throw bad('channel must be a text')
  const internal = internalNameOf(name, prefix)
  if (internal !== undefined) return internal
  throw bad(`${JSON.stringify(name.slice(0, 40))} is no channel: ${CHANNEL_RULE_OF_PUSHER}`)
}

/**
 * `data` is a text, as clients of Pusher get it. An object or a list that is written in it is kept as what it is, so that our own clients have
 * no text to parse; any other text is kept as a JSON text. So what it was can be told from what is kept.
 */
export function payloadOf(data: unknown, bytesMax: number): Payload {
  if (data === undefined) throw bad('data is missing')
  const text = typeof data === 'string' ? data : JSON.stringify(data)
  if (Buffer.byteLength(text) > bytesMax)
    throw new SluiceError('limit_exceeded', `data has more than ${bytesMax} bytes (dialects.pusher.data)`)
  const isWritten = /^[[{]/.test(text) && text.trimEnd() === text && onOneLine(text) === text && isJson(text)
  return { data: Buffer.from(isWritten ? text : JSON.stringify(text)), binary: false }
}

/** What a client of Pusher gets as `data`, of a payload that a log keeps. */
export function dataOf(json: string): string {
  if (!json.startsWith('"')) return json
  return parseJson(json) as string
}

function isJson(text: string): boolean {
  try {
    parseJson(text)
    return true
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    // Of what is too deep the publisher says so.
    return error.tooDeep
  }
}

function parsed(body: string, jsonDepthMax: number): unknown {
  try {
    return parseJson(body, jsonDepthMax, 3)
  } catch (error) {
    if (error instanceof JsonFault) throw bad(`the body ${error.message}`)
    throw error
  }
}

function objectOf(value: unknown): Json {
  if (isObject(value)) return value
  throw bad('an event is an object: {"name": …, "channels": […], "data": …}')
}

function bad(message: string): SluiceError {
  return new SluiceError('bad_request', message)
}
