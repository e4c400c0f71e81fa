/**
 * Frames as lines of a link. A message goes to many links one after the other, so its line is made once: the last one is kept.
 */

const HEAD = Buffer.from('data: ')
const END = Buffer.from('\n\n')
const SPACE = 0x20
const NEWLINE = 0x0a
const RETURN = 0x0d

export class LinkLines {
  #message: Uint8Array | undefined
  #event: Buffer = END

  /** The frame as an event of an event stream. */
  eventOf(frame: Uint8Array | string, binary: boolean): Buffer {
    if (typeof frame === 'string') return eventOf(Buffer.from(frame))
    if (frame !== this.#message) {
      this.#event = eventOf(binary ? Buffer.from(base64(frame)) : onOneLine(frame))
      this.#message = frame
    }
    return this.#event
  }

  /** The same as a line alone. */
  lineOf(frame: Uint8Array | string, binary: boolean): Buffer {
    const event = this.eventOf(frame, binary)
    return event.subarray(HEAD.length, event.length - END.length)
  }
}

export function closeLine(code: number, reason: string): string {
  return JSON.stringify([code, reason])
}

/** What a client has sent: each frame as the WebSocket would bring it. */
export function* framesIn(body: Buffer): Iterable<{ readonly frame: ArrayBuffer; readonly binary: boolean }> {
  let start = 0
  while (start < body.length) {
    const found = body.indexOf(NEWLINE, start)
    const end = found === -1 ? body.length : found
    const line = body.subarray(start, end)
    start = end + 1
    if (line.length === 0) continue
    const binary = line[0] !== 0x7b
    yield { frame: copyOf(binary ? Buffer.from(line.toString('latin1'), 'base64') : line), binary }
  }
}

function eventOf(line: Uint8Array): Buffer {
  return Buffer.concat([HEAD, line, END])
}

/** In JSON a line break can only stand between tokens, where a space says the same. */
function onOneLine(frame: Uint8Array): Uint8Array {
  if (!frame.includes(NEWLINE) && !frame.includes(RETURN)) return frame
  return frame.map((byte) => (byte === NEWLINE || byte === RETURN ? SPACE : byte))
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

function copyOf(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}
