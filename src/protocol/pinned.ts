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

/** Copies of small ones share memory: of its own it takes each a call of the allocator, and the garbage collector a look at it. */
const SHARED_BYTES = REST_BYTES_MAX
let shared = new ArrayBuffer(SHARED_BYTES)
let used = 0

/** The bytes themselves, or a copy where they are a part of something larger. */
export function unpinned(data: Uint8Array): Uint8Array {
  if (!isPinning(data)) return data
  const { length } = data
  if (length > SHARED_BYTES / 2) return new Uint8Array(data)
  if (used + length > SHARED_BYTES) {
    shared = new ArrayBuffer(SHARED_BYTES)
    used = 0
  }
  const copy = new Uint8Array(shared, used, length)
  copy.set(data)
  used += length
  return copy
}
