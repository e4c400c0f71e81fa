/**
 * Messages as bytes inside the cluster: what the backbone carries and what a log stores. A fixed header, a few short
 * texts, then the payload as it came; nothing of it is ever parsed as JSON. Numbers are big-endian.
 *
 *   ephemeral, logged                            stored
 *    0  u8   format                               0  u8   format
 *    1  u8   flags                                1  u8   flags
 *    2  u16  length of the channel's name         2  u16  length of the id
 *    4  u16  length of the id                     4  f64  time
 *    6  u8   length of the epoch                 12  id, author, metadata, payload
 *    7  u8   0
 *    8  f64  time                                control
 *   16  f64  offset     (logged only)             0  u8   format
 *   24  f64  previous   (logged only)             1  u8   length of the sender's id
 *    …  epoch, channel, id, author, metadata,     2  sender's id, payload
 *       payload
 *
 * The author, the user who has published it, is there where a flag says so: u16 length, and so many bytes; and so are the metadata
 * (`metadata-packet.ts`). What nodes of before there were any have sent and stored are the same bytes without them. Those nodes take
 * a message with a flag that they do not know for one of another version. Numbers up to 2^53 - 1 are exact in an f64. Ids and names are UTF-8.
 */
import { writeLetters } from './letters.ts'
import type { EphemeralMessage, LoggedMessage, Message, NewMessage } from './message.ts'
import type { Metadata } from './metadata.ts'
import { decodeMetadata, endOfMetadata, metadataLength, writeMetadata } from './metadata-packet.ts'
import { EPOCH, isOffset } from './position.ts'

/** The first byte. The high half is the version: a node drops what is of another one, and feeds repair from the log. */
const EPHEMERAL = 0x11
const LOGGED = 0x12
const CONTROL = 0x13
const STORED = 0x14

const BINARY = 1
const ACK = 2
/** An id may be empty, so its length does not say whether there is one. */
const HAS_ID = 4
const HAS_AUTHOR = 8
const HAS_METADATA = 16
const FLAGS_MAX = 31

const EPHEMERAL_HEADER = 16
const LOGGED_HEADER = 32
const STORED_HEADER = 12
const CONTROL_HEADER = 2
const AUTHOR_LENGTH = 2

export interface Control {
  readonly kind: 'control'
  readonly fromNode: string
  readonly payload: Uint8Array
}

export function encodeMessage(message: Message): Buffer {
  const packet = Buffer.allocUnsafe(messageBytes(message))
  writeMessage(packet, 0, message)
  return packet
}

export function messageBytes(message: Message): number {
  const header = message.kind === 'logged' ? LOGGED_HEADER + message.epoch.length : EPHEMERAL_HEADER
  return header + Buffer.byteLength(message.channel) + bodyBytes(message)
}

/** To where there is room for it; answers where it ends. */
export function writeMessage(into: Buffer, from: number, message: Message): number {
  const isLogged = message.kind === 'logged'
  const epochAt = from + (isLogged ? LOGGED_HEADER : EPHEMERAL_HEADER)
  const channelAt = isLogged ? writeText(into, epochAt, message.epoch) : epochAt
  const idAt = writeText(into, channelAt, message.channel)
  const { id } = message
  const authorAt = id === undefined ? idAt : writeText(into, idAt, id)
  into[from] = isLogged ? LOGGED : EPHEMERAL
  into[from + 1] = flagsOf(message) | (isLogged && message.ack ? ACK : 0)
  into.writeUInt16BE(idAt - channelAt, from + 2)
  into.writeUInt16BE(authorAt - idAt, from + 4)
  into[from + 6] = channelAt - epochAt
  into[from + 7] = 0
  into.writeDoubleBE(message.time, from + 8)
  if (isLogged) {
    into.writeDoubleBE(message.offset, from + 16)
    into.writeDoubleBE(message.previous, from + 24)
  }
  return writeAfterId(into, authorAt, message)
}

/** The payload is a view of `packet`. `undefined`: these bytes are not a message of this version. */
export function decodeMessage(packet: Buffer): Message | undefined {
  const format = packet[0]
  if (format !== LOGGED && format !== EPHEMERAL) return undefined
  const header = format === LOGGED ? LOGGED_HEADER : EPHEMERAL_HEADER
  if (packet.length < header) return undefined
  const flags = packet[1] as number
  const channelAt = header + (packet[6] as number)
  const idAt = channelAt + packet.readUInt16BE(2)
  const authorAt = idAt + packet.readUInt16BE(4)
  const authorEnd = endOfAuthor(packet, authorAt, flags)
  const dataAt = endOfMeta(packet, authorEnd, flags)
  const time = packet.readDoubleBE(8)
  if (
    authorEnd === undefined ||
    dataAt === undefined ||
    flags > FLAGS_MAX ||
    packet[7] !== 0 ||
    !isOffset(time)
  )
    return undefined
  if ((flags & HAS_ID) === 0 && authorAt !== idAt) return undefined
  const meta = metaOf(packet, authorEnd, dataAt)
  if (meta === NO_METADATA) return undefined
  const shared = {
    channel: packet.toString('utf8', channelAt, idAt),
    data: packet.subarray(dataAt),
    binary: (flags & BINARY) !== 0,
    id: (flags & HAS_ID) === 0 ? undefined : packet.toString('utf8', idAt, authorAt),
    time,
    from: authorOf(packet, authorAt, authorEnd),
    meta,
  }
  if (format === EPHEMERAL) {
    if (packet[6] !== 0 || (flags & ACK) !== 0) return undefined
    return { kind: 'ephemeral', ...shared } satisfies EphemeralMessage
  }
  const epoch = packet.toString('latin1', header, channelAt)
  const offset = packet.readDoubleBE(16)
  const previous = packet.readDoubleBE(24)
  if (!EPOCH.test(epoch) || !isOffset(offset) || !isOffset(previous) || previous >= offset) return undefined
  return {
    kind: 'logged',
    ...shared,
    epoch,
    offset,
    previous,
    ack: (flags & ACK) !== 0,
  } satisfies LoggedMessage
}

/** What a log keeps of a message; where it stands in the log is the log's to know. */
export function encodeStored(message: NewMessage): Buffer {
  const stored = Buffer.allocUnsafe(storedBytes(message))
  writeStored(stored, 0, message)
  return stored
}

export function storedBytes(message: NewMessage): number {
  return STORED_HEADER + bodyBytes(message)
}

/** To where there is room for it; answers where it ends. */
export function writeStored(into: Buffer, from: number, message: NewMessage): number {
  const { id } = message
  const idAt = from + STORED_HEADER
  const authorAt = id === undefined ? idAt : writeText(into, idAt, id)
  into[from] = STORED
  into[from + 1] = flagsOf(message)
  into.writeUInt16BE(authorAt - idAt, from + 2)
  into.writeDoubleBE(message.time, from + 4)
  return writeAfterId(into, authorAt, message)
}

/** The payload is a view of `stored`. `undefined`: these bytes are not a stored message of this version. */
export function decodeStored(stored: Buffer): NewMessage | undefined {
  if (stored[0] !== STORED || stored.length < STORED_HEADER) return undefined
  const flags = stored[1] as number
  const authorAt = STORED_HEADER + stored.readUInt16BE(2)
  const authorEnd = endOfAuthor(stored, authorAt, flags)
  const dataAt = endOfMeta(stored, authorEnd, flags)
  const time = stored.readDoubleBE(4)
  if (
    authorEnd === undefined ||
    dataAt === undefined ||
    flags > FLAGS_MAX ||
    (flags & ACK) !== 0 ||
    !isOffset(time)
  )
    return undefined
  if ((flags & HAS_ID) === 0 && authorAt !== STORED_HEADER) return undefined
  const meta = metaOf(stored, authorEnd, dataAt)
  if (meta === NO_METADATA) return undefined
  return {
    data: stored.subarray(dataAt),
    binary: (flags & BINARY) !== 0,
    id: (flags & HAS_ID) === 0 ? undefined : stored.toString('utf8', STORED_HEADER, authorAt),
    time,
    from: authorOf(stored, authorAt, authorEnd),
    meta,
  }
}

export function encodeControl(fromNode: string, payload: Uint8Array): Buffer {
  const nodeBytes = Buffer.byteLength(fromNode)
  const packet = Buffer.allocUnsafe(CONTROL_HEADER + nodeBytes + payload.length)
  packet[0] = CONTROL
  packet.writeUInt8(nodeBytes, 1)
  packet.write(fromNode, CONTROL_HEADER)
  packet.set(payload, CONTROL_HEADER + nodeBytes)
  return packet
}

/** The payload is a view of `packet`. `undefined`: these bytes are not a control packet of this version. */
export function decodeControl(packet: Buffer): Control | undefined {
  if (packet[0] !== CONTROL || packet.length < CONTROL_HEADER) return undefined
  const payloadAt = CONTROL_HEADER + (packet[1] as number)
  if (payloadAt > packet.length) return undefined
  return {
    kind: 'control',
    fromNode: packet.toString('utf8', CONTROL_HEADER, payloadAt),
    payload: packet.subarray(payloadAt),
  }
}

function flagsOf({ binary, id, from, meta }: NewMessage): number {
  const author = from === undefined ? 0 : HAS_AUTHOR
  return (
    (binary ? BINARY : 0) | (id === undefined ? 0 : HAS_ID) | author | (meta === undefined ? 0 : HAS_METADATA)
  )
}

/** Of the id and what follows it. */
function bodyBytes({ id, from, meta, data }: NewMessage): number {
  const idBytes = id === undefined ? 0 : Buffer.byteLength(id)
  const authorBytes = from === undefined ? 0 : AUTHOR_LENGTH + Buffer.byteLength(from)
  return idBytes + authorBytes + (meta === undefined ? 0 : metadataLength(meta)) + data.length
}

function writeAfterId(into: Buffer, at: number, { from, meta, data }: NewMessage): number {
  let end = at
  if (from !== undefined) {
    end = writeText(into, at + AUTHOR_LENGTH, from)
    into.writeUInt16BE(end - at - AUTHOR_LENGTH, at)
  }
  if (meta !== undefined) end = writeMetadata(into, end, meta)
  into.set(data, end)
  return end + data.length
}

/** Answers where it ends. */
function writeText(into: Buffer, at: number, text: string): number {
  return writeLetters(into, at, text) ?? at + into.write(text, at)
}

/** `undefined`: it lies outside of the bytes. */
function endOfAuthor(bytes: Buffer, at: number, flags: number): number | undefined {
  if ((flags & HAS_AUTHOR) === 0) return at > bytes.length ? undefined : at
  if (at + AUTHOR_LENGTH > bytes.length) return undefined
  const end = at + AUTHOR_LENGTH + bytes.readUInt16BE(at)
  return end > bytes.length ? undefined : end
}

function authorOf(bytes: Buffer, at: number, end: number): string | undefined {
  return at === end ? undefined : bytes.toString('utf8', at + AUTHOR_LENGTH, end)
}

/** `undefined`: they lie outside of the bytes, or what is before them does. */
function endOfMeta(bytes: Buffer, at: number | undefined, flags: number): number | undefined {
  return at === undefined || (flags & HAS_METADATA) === 0 ? at : endOfMetadata(bytes, at)
}

const NO_METADATA = Symbol('bytes that are no metadata')

function metaOf(bytes: Buffer, at: number, end: number): Metadata | undefined | typeof NO_METADATA {
  return at === end ? undefined : (decodeMetadata(bytes, at, end) ?? NO_METADATA)
}
