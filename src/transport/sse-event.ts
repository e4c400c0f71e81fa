/**
 * What an event stream consists of (HTML, section 9.2), and how it is written.
 */
import type { HttpStream, ResponseHeaders } from '../drivers/uws.ts'
import type { Position } from '../protocol/position.ts'

/** A comment: the heartbeat, and what pushes the rest of a slow client's buffer out. */
export const SSE_COMMENT = ':\n\n'

/** `no-transform`: what compresses an answer on its way gathers events until it has enough of them. */
export const STREAM_HEADERS: ResponseHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store, no-transform',
}

/** Of one that stays open. Who comes back over the same connection would find this node, whatever a balancer thinks of it. */
export const OPEN_STREAM_HEADERS: ResponseHeaders = {
  ...STREAM_HEADERS,
  'x-accel-buffering': 'no',
  connection: 'close',
}

/** An event without its `id:` line and its end. `json` is on one line, as the `data:` field needs it (HTML, section 9.2.6). */
export function sseEvent(name: string, json: string): string {
  return `event: ${name}\ndata: ${json}\n`
}

/** What `write` is to write: set before `cork` is called, so that no write needs a closure. */
const corked: { stream: HttpStream | undefined; bytes: Uint8Array } = {
  stream: undefined,
  bytes: new Uint8Array(),
}

function write(): void {
  corked.stream?.write(corked.bytes)
}

/** In one system call. */
export function writeCorked(stream: HttpStream, bytes: Uint8Array): void {
  corked.stream = stream
  corked.bytes = bytes
  stream.cork(write)
}

/** An event of one stream alone. */
export interface OwnEvent {
  readonly text: string
  /** The channel whose position the event moves, by its internal name. */
  readonly channel: string | undefined
  readonly position: Position | undefined
}
