/**
 * The metadata of a message as bytes within a packet or a stored message (`packet.ts`): u16 length of what follows, then one field after the
 * other, each u8 kind, u16 length, and so many bytes.
 *
 *   1  event
 *   2  header: u8 length of its name, name, value
 *   3  exclude
 *
 * A kind that is not known here is one of a later version, and is read over.
 */
import type { Metadata } from './metadata.ts'

const EVENT = 1
const HEADER = 2
const EXCLUDE = 3
const LENGTH = 2
const FIELD = 3

/** How long it is, with its length in front: counted, and nothing is made for it. */
export function metadataLength({ event, headers, exclude }: Metadata): number {
  let length = LENGTH
  if (event !== undefined) length += FIELD + Buffer.byteLength(event)
  for (const name in headers)
    length += FIELD + 1 + Buffer.byteLength(name) + Buffer.byteLength(headers[name] as string)
  return exclude === undefined ? length : length + FIELD + Buffer.byteLength(exclude)
}

/** Answers where it ends: `metadataLength` behind `at`. */
export function writeMetadata(into: Buffer, at: number, { event, headers, exclude }: Metadata): number {
  let end = at + LENGTH
  if (event !== undefined) end = writeField(into, end, EVENT, event)
  for (const name in headers) end = writeHeader(into, end, name, headers[name] as string)
  if (exclude !== undefined) end = writeField(into, end, EXCLUDE, exclude)
  into.writeUInt16BE(end - at - LENGTH, at)
  return end
}

/** Where the metadata ends that begin at `at`. `undefined`: outside of the bytes. */
export function endOfMetadata(bytes: Buffer, at: number): number | undefined {
  if (at + LENGTH > bytes.length) return undefined
  const end = at + LENGTH + bytes.readUInt16BE(at)
  return end > bytes.length ? undefined : end
}

/** `undefined`: these bytes are no metadata. */
export function decodeMetadata(bytes: Buffer, from: number, end: number): Metadata | undefined {
  let event: string | undefined
  let headers: Record<string, string> | undefined
  let exclude: string | undefined
  let at = from + LENGTH
  while (at < end) {
    const start = at + FIELD
    if (start > end) return undefined
    const next = start + bytes.readUInt16BE(at + 1)
    if (next > end) return undefined
    const kind = bytes[at]
    if (kind === EVENT) event = bytes.toString('utf8', start, next)
    else if (kind === EXCLUDE) exclude = bytes.toString('utf8', start, next)
    else if (kind === HEADER) {
      const valueAt = start + 1 + (bytes[start] ?? 0)
      if (start === next || valueAt > next) return undefined
      // Without a prototype no name is another than any other.
      headers ??= Object.create(null) as Record<string, string>
      headers[bytes.toString('utf8', start + 1, valueAt)] = bytes.toString('utf8', valueAt, next)
    }
    at = next
  }
  return {
    ...(event === undefined ? {} : { event }),
    ...(headers === undefined ? {} : { headers }),
    ...(exclude === undefined ? {} : { exclude }),
  }
}

function writeField(into: Buffer, at: number, kind: number, value: string): number {
  return endField(into, at, kind, at + FIELD + into.write(value, at + FIELD))
}

function writeHeader(into: Buffer, at: number, name: string, value: string): number {
  const nameAt = at + FIELD + 1
  const valueAt = nameAt + into.write(name, nameAt)
  into[nameAt - 1] = valueAt - nameAt
  return endField(into, at, HEADER, valueAt + into.write(value, valueAt))
}

function endField(into: Buffer, at: number, kind: number, end: number): number {
  into[at] = kind
  into.writeUInt16BE(end - at - FIELD, at + 1)
  return end
}
