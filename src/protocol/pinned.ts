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
let shared = newShared()
let used = 0

/** The bytes themselves, or a copy where they are a part of something larger. */
export function unpinned(data: Uint8Array): Uint8Array {
  if (!isPinning(data)) return data
  if (data.length > SHARED_BYTES / 2) return new Uint8Array(data)
  const copy = room(data.length)
  copy.set(data)
  return copy
}

/** A text as bytes that pin nothing: whoever keeps them need not copy them. `ascii`: it is known to be so, and not counted. */
export function ownBytes(text: string, ascii = false): Buffer {
  // It has at least so many: a long one is not counted first.
  if (text.length > SHARED_BYTES / 2) return Buffer.from(text)
  const length = ascii ? text.length : Buffer.byteLength(text)
  if (length > SHARED_BYTES / 2) return Buffer.from(text)
  const bytes = room(length)
  // Of one byte each there is nothing to be encoded.
  if (ascii) bytes.write(text, 0, length, 'latin1')
  else bytes.write(text)
  return bytes
}

/** A view of a view: half of what it costs to make one of an `ArrayBuffer`, which is looked at again. */
function room(length: number): Buffer {
  if (used + length > SHARED_BYTES) {
    shared = newShared()
    used = 0
  }
  const at = used
  used += length
  return shared.subarray(at, used)
}

/** Of its own, and not from Node's pool: nothing else is kept with it. */
function newShared(): Buffer {
  return Buffer.from(new ArrayBuffer(SHARED_BYTES))
}
