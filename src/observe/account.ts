/**
 * What one connection has carried, for the line that its end is worth.
 *
 * What goes to all who are live on a channel costs nobody anything by himself: the channel counts it once, and each who comes and
 * goes takes the difference. A message that found no room in a buffer is in it: it is one, or a few, for each time that
 * a client reads too slowly.
 */

export class Account {
  /** By the clock that does not jump. */
  readonly beganMs: number
  messages = 0
  bytesOut = 0
  frames = 0
  bytesIn = 0

  constructor(beganMs: number) {
    this.beganMs = beganMs
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
