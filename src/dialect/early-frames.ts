/**
 * What a client sends behind its first words, before there is an answer to them. Pure; bounded in number and in bytes.
 */

/** However small they are. */
const EARLY_FRAMES_MAX = 1024

/** What a client has sent behind its `connect`, before it is welcome: one frame, or several that are not larger together. */
export class EarlyFrames<Frame> {
  readonly frames: Frame[] = []
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** False: it is too much, and the frame was not kept. */
  add(frame: Frame, bytes: number): boolean {
    this.#bytes += bytes
    if (this.#bytes > this.#bytesMax || this.frames.length === EARLY_FRAMES_MAX) return false
    this.frames.push(frame)
    return true
  }
}
