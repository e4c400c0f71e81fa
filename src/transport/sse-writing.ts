/** How a stream of events is written: in one system call each time, without a closure. */
import type { HttpStream } from '../drivers/uws.ts'

/** What `writeNow` is to write: set before `cork` is called, so that no write needs a closure. */
const corked: { stream: HttpStream | undefined; bytes: Uint8Array } = {
  stream: undefined,
  bytes: new Uint8Array(),
}

function writeNow(): void {
  corked.stream?.write(corked.bytes)
}

/** The bytes are the stream's during the call only. */
export function writeCorked(stream: HttpStream, bytes: Uint8Array): void {
  corked.stream = stream
  corked.bytes = bytes
  stream.cork(writeNow)
}
