/**
 * How much of a request for a stream or a poll stands in its URL and its headers: the names of its channels, and the cursor
 * that it comes back with. A request that does not fit is cut off by the native library before anybody can answer it, and an
 * `EventSource` gives up for good then: so what could not come back is not let in. Pure.
 */
import { CURSOR_SEGMENT_BYTES } from './cursor.ts'

/** What the gateway makes the native library take. */
export const HEAD_BYTES_MAX = 16_384
/** The first line, what a browser and proxies say of themselves, and the ends of the cursor. */
const REST_BYTES = 2048
/** One letter and a comma. */
const NAME_BYTES_MIN = 2

/** No stream has more channels, however short their names. */
export const STREAM_CHANNELS_MAX = Math.floor(
  (HEAD_BYTES_MAX - REST_BYTES) / (NAME_BYTES_MIN + CURSOR_SEGMENT_BYTES),
)

/** About what the request has when it comes back. `asked`: what it brings itself, without its cursor. */
export function bytesOfReturn(asked: readonly (string | undefined)[], channels: number): number {
  const brought = asked.reduce((bytes, text = '') => bytes + text.length, 0)
  return brought + channels * CURSOR_SEGMENT_BYTES + REST_BYTES
}

/** How many channels the cursor may have with which the request comes back. */
export function fitting(asked: readonly (string | undefined)[], bytesMax: number): number {
  return Math.max(0, Math.floor((bytesMax - bytesOfReturn(asked, 0)) / CURSOR_SEGMENT_BYTES))
}
