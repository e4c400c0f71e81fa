/**
 * The two encodings of the protocol: what frames hold, and how many things stand in one. Pure; no state of a connection.
 */
import { isUtf8 } from 'node:buffer'
import { DecodeFault } from './decode-fault.ts'
import { CLIENT_INFO, COMMAND, PUBLICATION, PUSH, REPLY } from './fields.ts'
import { JsonPieces, readJson } from './json.ts'
import type { ClientInfo, Command, RequestMethod, Publication, Reply, Written } from './messages.ts'
import { Reader, Writer } from './protobuf.ts'
import { isObject, JsonFault, parseJson } from '../../protocol/json.ts'
import { rawMember } from '../../protocol/raw-json.ts'

export interface Encoding {
  readonly name: 'json' | 'protobuf' | 'uni-json'
  /** The client says who it is, and nothing after that. */
  readonly oneWay: boolean
  /** Whether frames are binary ones. */
  readonly binary: boolean
  /** A ping of the server; what a client answers is a command with nothing in it. */
  readonly ping: string | Uint8Array
  /**
   * The commands of a frame, in order. Fails with a `DecodeFault` at the first one that is none: those before it were good.
   * `jsonDepthMax`: of a payload.
   */
  commands(frame: Uint8Array, jsonDepthMax: number): Generator<Command, void, undefined>
  reply(reply: Reply): string | Buffer
  /** Several replies in one frame. */
  join(replies: readonly (string | Uint8Array)[]): string | Uint8Array
  /** A message as it stands in a result. */
  publication(publication: Publication): Written
  /** A message of a channel. `written` is that part of `frame` which stands in a result as well. */
  publish(channel: string, publication: Publication): Pushed
}

const DATA_BYTES = '{"data":'.length

export interface Pushed {
  readonly frame: Buffer
  readonly written: Written
  /** Where the data stands in the frame, byte for byte; `undefined`: it does not. */
  readonly dataAt: number | undefined
}

/** The levels of a command around a payload: `{"publish":{"data":…}}`. */
const ENVELOPE_DEPTH = 2

const METHODS: readonly RequestMethod[] = COMMAND.fields.flatMap(({ name }) =>
  name === 'id' ? [] : [name as RequestMethod],
)

/** For what stands around the data of most messages. */
const HEADS_BYTES = 192
const SURPLUS_MAX_BYTES = 256

const PUSH_PUB = numberOf(PUSH, 'pub')
const PUSH_CHANNEL = numberOf(PUSH, 'channel')
const PUBLICATION_DATA = numberOf(PUBLICATION, 'data')
const PUBLICATION_OFFSET = numberOf(PUBLICATION, 'offset')
const PUBLICATION_TIME = numberOf(PUBLICATION, 'time')
const REPLY_PUSH = numberOf(REPLY, 'push')

export const json: Encoding = {
  name: 'json',
  oneWay: false,
  binary: false,
  ping: '{}',

  *commands(frame, jsonDepthMax) {
    const text = textOf(frame)
    let found = false
    for (const line of text.split('\n')) {
      if (line.trim() === '') continue
      found = true
      yield commandOf(line, jsonDepthMax)
    }
    if (!found) throw new DecodeFault('the frame is empty')
  },

  reply(reply) {
    const pieces = new JsonPieces()
    pieces.message(REPLY, reply)
    return pieces.finish()
  },

  join(replies) {
    if (replies.every((reply) => typeof reply === 'string')) return replies.join('\n')
    const pieces = new JsonPieces()
    let separator = ''
    for (const reply of replies) {
      pieces.text(separator)
      separator = '\n'
      if (typeof reply === 'string') pieces.text(reply)
      else pieces.raw(reply)
    }
    return pieces.finish()
  },

  publication(publication) {
    return publicationIn(publication, '', '').frame
  },

  publish(channel, publication) {
    return publicationIn(publication, `{"push":{"channel":${JSON.stringify(channel)},"pub":`, '}}')
  },
}

export const protobuf: Encoding = {
  name: 'protobuf',
  oneWay: false,
  binary: true,
  ping: new Uint8Array(1),

  *commands(frame) {
    const reader = new Reader(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength))
    if (reader.done) throw new DecodeFault('the frame is empty')
    while (!reader.done) yield single(reader.part().message(COMMAND))
  },

  reply(reply) {
    const writer = new Writer()
    writer.message(REPLY, reply)
    writer.delimit(0)
    return writer.finish()
  },

  join(replies) {
    return replies.length === 1 ? (replies[0] as Uint8Array) : Buffer.concat(replies as readonly Uint8Array[])
  },

  publication(publication) {
    const writer = new Writer(publication.data.length + HEADS_BYTES)
    writePublication(writer, publication)
    return writer.finish()
  },

  publish(channel, publication) {
    const writer = new Writer(publication.data.length + HEADS_BYTES)
    writePublication(writer, publication)
    const { length } = writer
    writer.delimit(0, PUSH_PUB)
    writer.text(PUSH_CHANNEL, channel)
    writer.delimit(0, REPLY_PUSH)
    writer.delimit(0)
    const bytes = writer.finish()
    // What is kept is as large as what is in it.
    const frame = writer.surplus > SURPLUS_MAX_BYTES ? Buffer.from(bytes) : bytes
    const written = frame.subarray(frame.length - length)
    // It is the first field: a byte that says so, and its length, stand before it.
    const dataAt = frame.length - length + 1 + varintBytes(publication.data.length)
    return { frame, written, dataAt: publication.data.length === 0 ? undefined : dataAt }
  },
}

function numberOf(shape: typeof PUSH, name: string): number {
  return (shape.byName.get(name) as { readonly number: number }).number
}

export function textOf(frame: Uint8Array): string {
  if (!isUtf8(frame)) throw new DecodeFault('the frame is not UTF-8')
  return Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength).toString('utf8')
}

/**
 * Between these texts. By hand and not by the table: each message of a node comes by here, and `centrifuge.property.test.ts` holds that
 * the table reads it.
 */
export function publicationIn(
  { data, info, offset, tags, time }: Publication,
  head: string,
  tail: string,
): Pushed {
  const before = `${head}{"data":`
  let after = ''
  if (info !== undefined) after += `,"info":${textOfInfo(info)}`
  if (offset !== undefined && offset !== 0) after += `,"offset":${offset}`
  if (tags !== undefined && tags.size > 0) after += `,"tags":${JSON.stringify(Object.fromEntries(tags))}`
  if (time !== undefined && time !== 0) after += `,"time":${time}`
  after += `}${tail}`
  const line = onOneLine(data)
  const beforeBytes = Buffer.byteLength(before)
  const dataEnd = beforeBytes + line.length
  const frame = Buffer.allocUnsafe(dataEnd + Buffer.byteLength(after))
  frame.write(before, 0)
  frame.set(line, beforeBytes)
  frame.write(after, dataEnd)
  const at = beforeBytes - DATA_BYTES
  // Data is the first field.
  const dataAt = line === data ? beforeBytes : undefined
  return { frame, written: frame.subarray(at, frame.length - Buffer.byteLength(tail)), dataAt }
}

function textOfInfo(info: ClientInfo): string {
  const pieces = new JsonPieces()
  pieces.message(CLIENT_INFO, info)
  return pieces.finish().toString()
}

/** The same in Protobuf. */
function writePublication(writer: Writer, { data, info, offset, tags, time }: Publication): void {
  if (time !== undefined && time !== 0) writer.number(PUBLICATION_TIME, time)
  if (tags !== undefined && tags.size > 0) writer.message(PUBLICATION, { tags })
  if (offset !== undefined && offset !== 0) writer.number(PUBLICATION_OFFSET, offset)
  if (info !== undefined) writer.message(PUBLICATION, { info })
  if (data.length > 0) writer.bytes(PUBLICATION_DATA, data)
}

function commandOf(line: string, jsonDepthMax: number): Command {
  let parsed: unknown
  try {
    parsed = parseJson(line, jsonDepthMax, ENVELOPE_DEPTH)
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    throw new DecodeFault(`the command ${error.message}`, error.tooDeep ? idIn(line) : undefined)
  }
  if (!isObject(parsed)) throw new DecodeFault('a command is a JSON object')
  return single(readJson(COMMAND, parsed, line))
}

/** Of a command that is too deep to be parsed, and may be no JSON at all. */
function idIn(line: string): number | undefined {
  const raw = line.trimStart().startsWith('{') ? rawMember(line, 'id') : undefined
  return raw !== undefined && /^[1-9]\d{0,9}$/.test(raw) ? Number(raw) : undefined
}

function single(fields: Readonly<Record<string, unknown>>): Command {
  const id = (fields['id'] as number | undefined) ?? 0
  const named = METHODS.filter((method) => fields[method] !== undefined)
  const [method] = named
  if (named.length > 1) throw new DecodeFault(`a command is one of ${named.join(' and ')}, not all of them`)
  if (method === undefined) return id === 0 ? { method: 'pong' } : { method: 'unknown', id }
  if (id === 0 && method !== 'send') throw new DecodeFault(`${method} has no id`)
  return { method, id, request: fields[method] } as Command
}

/** A line break in a frame would be the end of the reply. In JSON it stands only where a space means the same. */
function onOneLine(data: Uint8Array): Uint8Array {
  if (isOnOneLine(data)) return data
  return data.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte))
}

function isOnOneLine(data: Uint8Array): boolean {
  return !data.includes(0x0a) && !data.includes(0x0d)
}

function varintBytes(value: number): number {
  let length = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++
  return length
}
