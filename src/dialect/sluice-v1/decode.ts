/**
 * Unknown bytes -> a client's frame. Never throws anything but `MalformedFrame`, whatever the bytes are.
 */
import { splitBinary } from '../../protocol/binary.ts'
import { CHANNEL_RULE } from '../../protocol/channel.ts'
import type {
  AckFrame,
  AuthFrame,
  ConnectFrame,
  HistoryFrame,
  LeaveFrame,
  PingFrame,
  PresenceFrame,
  ProbeFrame,
  SubscribeFrame,
  UnsubscribeFrame,
} from './frames.ts'
import {
  channel,
  count,
  isSubscribable,
  knownRef,
  malformed,
  MalformedFrame,
  position,
  ref,
  shown,
  text,
  type Json,
} from './members.ts'
import { isObject, JsonFault, parseJson } from '../../protocol/json.ts'
import { memberApart } from '../../protocol/json-apart.ts'
import { ID_RULE, isMessageId } from '../../protocol/message-id.ts'
import type { Payload } from '../../protocol/message.ts'
import { EVENT_RULE, isEvent } from '../../protocol/metadata.ts'
import { isOffset, type From, type Position } from '../../protocol/position.ts'
import type { Entry } from '../../presence/info.ts'
import { rawMember, rawMembers } from '../../protocol/raw-json.ts'

export interface DecodedPublish {
  readonly type: 'publish'
  readonly ref: number
  readonly channel: string
  readonly payload: Payload
  readonly id: string | undefined
  readonly event: string | undefined
}

/** As whom it is in the channel: data stays text. */
export interface DecodedEnter {
  readonly type: 'enter'
  readonly ref: number
  readonly channel: string
  readonly entry: Entry
}

type DecodedSubscribe = Omit<SubscribeFrame, 'enter'> & { readonly entry?: Entry }
export type DecodedConnect = Omit<ConnectFrame, 'enter'> & { readonly entries?: ReadonlyMap<string, Entry> }

/** A client's frame as the gateway handles it: the payload of a publish stays bytes. */
export type DecodedFrame =
  | DecodedConnect
  | DecodedSubscribe
  | DecodedEnter
  | LeaveFrame
  | UnsubscribeFrame
  | DecodedPublish
  | AckFrame
  | AuthFrame
  | PresenceFrame
  | HistoryFrame
  | ProbeFrame
  | PingFrame

const TOKEN_LENGTH_MAX = 16_384
const SESSION_LENGTH_MAX = 64
const CLIENT_LABEL_MAX = 64

const READERS: Record<
  DecodedFrame['type'],
  (frame: Json, text: string, binary: Uint8Array | undefined) => DecodedFrame
> = {
  connect: readConnect,
  subscribe: (frame, frameText) => ({
    type: 'subscribe',
    ref: ref(frame),
    channel: channel(frame),
    ...(frame['from'] === undefined ? {} : { from: from(frame) }),
    ...(frame['enter'] === undefined
      ? {}
      : { entry: entry(frame, 'enter', frame['enter'], rawMember(frameText, 'enter')) }),
  }),
  unsubscribe: (frame) => ({ type: 'unsubscribe', ref: ref(frame), channel: channel(frame) }),
  publish: (frame, frameText, binary) => readPublish(frame, rawMember(frameText, 'data'), binary),
  ack: (frame) => ({ type: 'ack', channel: channel(frame), offset: count(frame, 'offset', frame['offset']) }),
  auth: (frame) => ({ type: 'auth', ref: ref(frame), token: text(frame, 'token', TOKEN_LENGTH_MAX) }),
  enter: (frame, frameText) => ({
    type: 'enter',
    ref: ref(frame),
    channel: channel(frame),
    entry: entry(frame, 'enter', frame, frameText),
  }),
  leave: (frame) => ({ type: 'leave', ref: ref(frame), channel: channel(frame) }),
  presence: (frame) => ({ type: 'presence', ref: ref(frame), channel: channel(frame) }),
  history: readHistory,
  probe: (frame) => ({ type: 'probe', ref: ref(frame), channel: channel(frame) }),
  ping: (frame) => (frame['ref'] === undefined ? { type: 'ping' } : { type: 'ping', ref: ref(frame) }),
}

/** `jsonDepthMax`: of a payload, which is one level down in its frame. */
export function decodeText(frameText: string, jsonDepthMax: number): DecodedFrame {
  return decode(frameText, jsonDepthMax, undefined)
}

/** Only a publish has a binary form. The payload is a view of `bytes`. */
export function decodeBinary(bytes: Uint8Array, jsonDepthMax: number): DecodedFrame {
  let split
  try {
    split = splitBinary(bytes)
  } catch (error) {
    throw new MalformedFrame(
      error instanceof RangeError ? error.message : 'the envelope is not UTF-8',
      undefined,
      true,
    )
  }
  return decode(split.envelope, jsonDepthMax, split.payload)
}

function decode(frameText: string, jsonDepthMax: number, binary: Uint8Array | undefined): DecodedFrame {
  // As the door of HTTP does: a long payload is looked at in one walk, and nothing is built of it.
  const apart = memberApart(frameText, 'data', jsonDepthMax)
  if (apart?.around['type'] === 'publish') return readPublish(apart.around, apart.raw, binary)
  const parsed = parse(frameText, jsonDepthMax)
  if (!isObject(parsed)) throw new MalformedFrame('a frame is one JSON object', undefined, true)
  const { type } = parsed
  if (typeof type !== 'string' || !Object.hasOwn(READERS, type)) {
    throw new MalformedFrame(
      `type must be one of ${Object.keys(READERS).join(', ')}, not ${shown(type)}`,
      knownRef(parsed),
      false,
    )
  }
  if (binary !== undefined && type !== 'publish') {
    throw new MalformedFrame(`only publish has a binary form, not ${type}`, knownRef(parsed), false)
  }
  return READERS[type as DecodedFrame['type']](parsed, frameText, binary)
}

/** Levels of a frame around what a client says of its user: `{"enter":{"channel":{"data":…}}}`. */
const LEVELS_AROUND_MAX = 3

function parse(frameText: string, jsonDepthMax: number): unknown {
  try {
    return parseJson(frameText, jsonDepthMax, 1)
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    if (error.tooDeep) return parseDeeper(frameText, jsonDepthMax, error)
    throw new MalformedFrame('a frame is one JSON object; this is not JSON', undefined, true)
  }
}

/** Data with which a channel is entered stands deeper in its frame than a payload does, and is looked at once more by itself. */
function parseDeeper(frameText: string, jsonDepthMax: number, why: JsonFault): unknown {
  try {
    const parsed = parseJson(frameText, jsonDepthMax, LEVELS_AROUND_MAX)
    if (isObject(parsed) && (parsed['type'] === 'connect' || parsed['type'] === 'subscribe')) return parsed
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
  }
  // Nothing else may be wrong with it, so whoever sent it is told which one it was, and stays.
  throw new MalformedFrame(`the frame ${why.message}`, rawRef(frameText), false)
}

function readConnect(frame: Json, frameText: string): DecodedConnect {
  return {
    type: 'connect',
    ...(frame['token'] === undefined ? {} : { token: text(frame, 'token', TOKEN_LENGTH_MAX) }),
    ...(frame['session'] === undefined ? {} : { session: text(frame, 'session', SESSION_LENGTH_MAX) }),
    ...(frame['resume'] === undefined ? {} : { resume: resume(frame) }),
    ...(frame['enter'] === undefined ? {} : { entries: entries(frame, frameText) }),
    ...(frame['client'] === undefined ? {} : { client: client(frame) }),
  }
}

/** `data`: as it was written. */
function readPublish(frame: Json, data: string | undefined, binary: Uint8Array | undefined): DecodedPublish {
  const { id, event } = frame
  if (id !== undefined && !isMessageId(id)) throw malformed(frame, `id must be ${ID_RULE}`)
  if (event !== undefined && !isEvent(event)) throw malformed(frame, `event must be ${EVENT_RULE}`)
  const asked = ref(frame)
  const name = channel(frame)
  const payload = payloadOf(frame, data, binary)
  return { type: 'publish', ref: asked, channel: name, payload, id, event }
}

function payloadOf(frame: Json, data: string | undefined, binary: Uint8Array | undefined): Payload {
  if (binary !== undefined) {
    if ('data' in frame)
      throw malformed(frame, 'data stands behind the envelope of a binary frame, not in it')
    return { data: binary, binary: true }
  }
  if (data === undefined) throw malformed(frame, 'data is missing')
  return { data: Buffer.from(data), binary: false }
}

/** So many messages at most are in one reply. */
const HISTORY_LIMIT_MAX = 100

function readHistory(frame: Json): HistoryFrame {
  const { limit, before, after } = frame
  if (before !== undefined && after !== undefined)
    throw malformed(frame, 'before and after exclude each other')
  const fits = limit === undefined || (isOffset(limit) && limit >= 1 && limit <= HISTORY_LIMIT_MAX)
  if (!fits)
    throw malformed(frame, `limit must be a whole number from 1 to ${HISTORY_LIMIT_MAX}, not ${shown(limit)}`)
  return {
    type: 'history',
    ref: ref(frame),
    channel: channel(frame),
    ...(limit === undefined ? {} : { limit }),
    ...(before === undefined ? {} : { before: position(frame, 'before', before) }),
    ...(after === undefined ? {} : { after: position(frame, 'after', after) }),
  }
}

function resume(frame: Json): Record<string, Position> {
  const map = frame['resume']
  if (!isObject(map)) throw malformed(frame, 'resume must be an object: {channel: {epoch, offset}}')
  // Without a prototype, a channel named __proto__ is a channel like any other.
  const positions: Record<string, Position> = Object.create(null) as Record<string, Position>
  for (const [name, value] of Object.entries(map)) {
    if (!isSubscribable(name)) throw malformed(frame, `resume names ${shown(name)}: ${CHANNEL_RULE}`)
    positions[name] = position(frame, `resume[${shown(name)}]`, value)
  }
  return positions
}

function entries(frame: Json, frameText: string): Map<string, Entry> {
  const map = frame['enter']
  if (!isObject(map)) throw malformed(frame, 'enter must be an object: {channel: {data, at}}')
  const raw = rawMembers(rawMember(frameText, 'enter') ?? '')
  return new Map(
    Object.entries(map).map(([name, value]) => [
      name,
      entry(frame, `enter[${shown(name)}]`, value, raw.get(name)),
    ]),
  )
}

function entry(frame: Json, where: string, value: unknown, raw: string | undefined): Entry {
  if (value === false) return 'absent'
  if (!isObject(value) || raw === undefined) throw malformed(frame, `${where} must be {data, at} or false`)
  const { at } = value
  return {
    json: rawMember(raw, 'data'),
    ...(at === undefined ? {} : { at: count(frame, `${where}.at`, at) }),
  }
}

function from(frame: Json): From {
  const value = frame['from']
  if (isObject(value) && 'last' in value) {
    if (Object.keys(value).length !== 1) throw malformed(frame, 'from is {epoch, offset} or {last}, not both')
    return { last: count(frame, 'from.last', value['last']) }
  }
  return position(frame, 'from', value)
}

function client(frame: Json): { name: string; version: string } {
  const value = frame['client']
  if (!isObject(value)) throw malformed(frame, 'client must be {name, version}')
  return {
    name: text(frame, 'client.name', CLIENT_LABEL_MAX, value['name']),
    version: text(frame, 'client.version', CLIENT_LABEL_MAX, value['version']),
  }
}

/** Of a frame that is not parsed, and may be no JSON: then any answer will do. */
function rawRef(frameText: string): number | undefined {
  let raw: string | undefined
  try {
    raw = rawMember(frameText, 'ref')
  } catch (error) {
    // A key with an escape that is none.
    if (!(error instanceof SyntaxError)) throw error
  }
  return raw !== undefined && /^\d{1,16}$/.test(raw) ? knownRef({ ref: Number(raw) }) : undefined
}
