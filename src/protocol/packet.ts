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
import type { EphemeralMessage, LoggedMessage, Message, NewMessage } from './message.ts'
import type { Metadata } from './metadata.ts'
import { decodeMetadata, encodeMetadata, endOfMetadata } from './metadata-packet.ts'
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
  const { channel, id, time, data } = message
  const epoch = message.kind === 'logged' ? message.epoch : ''
  const header = message.kind === 'logged' ? LOGGED_HEADER : EPHEMERAL_HEADER
  const channelBytes = Buffer.byteLength(channel)
  const idBytes = id === undefined ? 0 : Buffer.byteLength(id)
  const authorBytes = authorLength(message)
  const meta = metaBytes(message)
  const packet = Buffer.allocUnsafe(
    header + epoch.length + channelBytes + idBytes + authorBytes + meta.length + data.length,
  )
  packet[0] = message.kind === 'logged' ? LOGGED : EPHEMERAL
  packet[1] = flagsOf(message) | (message.kind === 'logged' && message.ack ? ACK : 0)
  packet.writeUInt16BE(channelBytes, 2)
  packet.writeUInt16BE(idBytes, 4)
  packet[6] = epoch.length
  packet[7] = 0
  packet.writeDoubleBE(time, 8)
  if (message.kind === 'logged') {
    packet.writeDoubleBE(message.offset, 16)
    packet.writeDoubleBE(message.previous, 24)
    packet.write(epoch, header, 'latin1')
  }
  let at = header + epoch.length
  at += packet.write(channel, at)
  if (id !== undefined) at += packet.write(id, at)
  writeAuthor(packet, at, message)
  packet.set(meta, at + authorBytes)
  packet.set(data, at + authorBytes + meta.length)
  return packet
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
  const { id, time, data } = message
  const idBytes = id === undefined ? 0 : Buffer.byteLength(id)
  const authorAt = STORED_HEADER + idBytes
  const metaAt = authorAt + authorLength(message)
  const meta = metaBytes(message)
  const dataAt = metaAt + meta.length
  const stored = Buffer.allocUnsafe(dataAt + data.length)
  stored[0] = STORED
  stored[1] = flagsOf(message)
  stored.writeUInt16BE(idBytes, 2)
  stored.writeDoubleBE(time, 4)
  if (id !== undefined) stored.write(id, STORED_HEADER)
  writeAuthor(stored, authorAt, message)
  stored.set(meta, metaAt)
  stored.set(data, dataAt)
  return stored
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

function authorLength({ from }: NewMessage): number {
  return from === undefined ? 0 : AUTHOR_LENGTH + Buffer.byteLength(from)
}

function writeAuthor(bytes: Buffer, at: number, { from }: NewMessage): void {
  if (from !== undefined) bytes.writeUInt16BE(bytes.write(from, at + AUTHOR_LENGTH), at)
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

const NOTHING = Buffer.alloc(0)

function metaBytes({ meta }: NewMessage): Buffer {
  return meta === undefined ? NOTHING : encodeMetadata(meta)
}

/** `undefined`: they lie outside of the bytes, or what is before them does. */
function endOfMeta(bytes: Buffer, at: number | undefined, flags: number): number | undefined {
  return at === undefined || (flags & HAS_METADATA) === 0 ? at : endOfMetadata(bytes, at)
}

const NO_METADATA = Symbol('bytes that are no metadata')

function metaOf(bytes: Buffer, at: number, end: number): Metadata | undefined | typeof NO_METADATA {
  return at === end ? undefined : (decodeMetadata(bytes, at, end) ?? NO_METADATA)
}
