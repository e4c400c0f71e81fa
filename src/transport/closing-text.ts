/**
 * What a WebSocket is told when it is closed, and its bytes.
 */
/** A close frame has room for 125 bytes, two of them for the code (RFC 6455, section 5.5). */
const CLOSE_REASON_BYTES_MAX = 123

export function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data) : data
}

export function reasonText(message: string): string {
  let text = message
  while (Buffer.byteLength(text) > CLOSE_REASON_BYTES_MAX) text = text.slice(0, -1)
  return text
}
