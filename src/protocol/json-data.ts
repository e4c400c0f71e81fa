/**
 * The payload of a message as every client can read it, whatever a log holds.
 */
import { isUtf8 } from 'node:buffer'
import type { Message } from './message.ts'

/**
 * Logs keep for days what was taken before every door refused a byte order mark; behind an envelope it is not JSON. And what is not
 * UTF-8 would end each WebSocket that it comes to (RFC 6455, section 8.1), again and again.
 */
export function jsonOf({ data }: Message): Buffer {
  const marked = data[0] === 0xef && data[1] === 0xbb && data[2] === 0xbf
  const bytes = asBuffer(marked ? data.subarray(3) : data)
  return isUtf8(bytes) ? bytes : Buffer.from(bytes.toString('utf8'))
}

/** The same bytes: nothing is copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
