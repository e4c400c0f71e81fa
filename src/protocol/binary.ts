/**
 * A binary WebSocket frame: a 4-byte big-endian length, that many bytes of the JSON envelope without `data`,
 * then the raw payload. The same in both directions.
 */

export const LENGTH_BYTES = 4

/** Bytes that can be sent, by a name that TypeScript reads before and after 5.7, where `Uint8Array` became generic. */
export type Bytes = ReturnType<InstanceType<typeof TextEncoder>['encode']>

export const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

export function joinBinary(envelope: string, payload: Uint8Array): Bytes {
  const head = encoder.encode(envelope)
  const frame = new Uint8Array(LENGTH_BYTES + head.length + payload.length)
  new DataView(frame.buffer).setUint32(0, head.length)
  frame.set(head, LENGTH_BYTES)
  frame.set(payload, LENGTH_BYTES + head.length)
  return frame
}

/** Throws a `RangeError` with a sentence for the peer where the length leads out of the frame, a `TypeError` for bad UTF-8. */
export function splitBinary(frame: Uint8Array): { envelope: string; payload: Uint8Array } {
  if (frame.length < LENGTH_BYTES) throw new RangeError('a binary frame starts with a 4-byte length')
  const length = lengthIn(frame)
  if (length > frame.length - LENGTH_BYTES) {
    throw new RangeError(
      `the envelope's length of ${length} is more than the ${frame.length - LENGTH_BYTES} bytes that follow it`,
    )
  }
  return cutBinary(frame)
}

/**
 * The same of a frame that is trusted to be one, as the client trusts its gateway: without the sentences. What is none throws, or has an
 * envelope that is no JSON.
 */
export function cutBinary(frame: Uint8Array): { envelope: string; payload: Uint8Array } {
  const end = LENGTH_BYTES + lengthIn(frame)
  return { envelope: decoder.decode(frame.subarray(LENGTH_BYTES, end)), payload: frame.subarray(end) }
}

function lengthIn(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset, frame.byteLength).getUint32(0)
}
