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

export function encodeMetadata({ event, headers, exclude }: Metadata): Buffer {
  const fields: Buffer[] = []
  if (event !== undefined) fields.push(field(EVENT, Buffer.from(event)))
  if (headers !== undefined)
    for (const [name, value] of Object.entries(headers)) {
      const nameBytes = Buffer.from(name)
      fields.push(
        field(HEADER, Buffer.concat([Buffer.from([nameBytes.length]), nameBytes, Buffer.from(value)])),
      )
    }
  if (exclude !== undefined) fields.push(field(EXCLUDE, Buffer.from(exclude)))
  const all = Buffer.concat(fields)
  const length = Buffer.allocUnsafe(LENGTH)
  length.writeUInt16BE(all.length)
  return Buffer.concat([length, all])
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

function field(kind: number, value: Buffer): Buffer {
  const head = Buffer.allocUnsafe(FIELD)
  head[0] = kind
  head.writeUInt16BE(value.length, 1)
  return Buffer.concat([head, value])
}
