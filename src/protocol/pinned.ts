/**
 * Payloads are views: of what NATS, Redis or an HTTP request brought in one piece. A view keeps all of that piece in memory
 * for as long as it lives, so whoever keeps a payload for longer than a moment takes it out.
 */

/** So much of the rest may be kept: a copy of one's own is an object more. */
const REST_BYTES_MAX = 512

/** Whether the bytes are a part of something larger. */
export function isPinning(data: Uint8Array): boolean {
  return data.buffer.byteLength - data.length > REST_BYTES_MAX
}

/** The bytes themselves, or a copy where they are a part of something larger. */
export function unpinned(data: Uint8Array): Uint8Array {
  return isPinning(data) ? new Uint8Array(data) : data
}
