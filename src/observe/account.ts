/**
 * What one connection has carried, for the line that its end is worth.
 *
 * What goes to all who are live on a channel costs nobody anything by himself: the channel counts it once, and each who comes and
 * goes takes the difference. A message that found no room in a buffer is in it: it is one, or a few, for each time that
 * a client reads too slowly.
 */

/** Of what is not to be told. */
export const UNCOUNTED_MS = -1

/** A session is one, since there is one for each: an object of its own would be 32 bytes more for each connection. */
export class Account {
  /** By the clock that does not jump. */
  beganMs = UNCOUNTED_MS
  messages = 0
  bytesOut = 0
  frames = 0
  bytesIn = 0

  /** `undefined`: nobody wants to know. */
  get account(): Account | undefined {
    return this.beganMs === UNCOUNTED_MS ? undefined : this
  }

  received(bytes: number): void {
    this.frames++
    this.bytesIn += bytes
  }

  delivered(): void {
    this.messages++
  }

  sent(bytes: number): void {
    this.bytesOut += bytes
  }

  /** A message that the channel counts, and that is not for this client. */
  spared(bytes: number): void {
    this.messages--
    this.bytesOut -= bytes
  }

  /** Live on a channel from here on, which has handed so much to all who were live on it. `bytes`: of streams each counts its own. */
  joined(messages: number, bytes = 0): void {
    this.messages -= messages
    this.bytesOut -= bytes
  }

  left(messages: number, bytes = 0): void {
    this.messages += messages
    this.bytesOut += bytes
  }
}
