/**
 * What a polling client has not been given yet, and what it has been given but not acknowledged: an answer may be lost on its way. Pure.
 *
 *   L1 every line that is added is given, in order
 *   L2 an answer that was lost is given again, exactly as it was
 *   L3 what has been acknowledged is never given again
 *
 * Answers have numbers from 1. A poll names the last one that it has: that acknowledges it.
 */
export class LinkOutbox {
  readonly #answerBytesMax: number
  #lines: Uint8Array[] = []
  #lineBytes = 0
  /** The last answer, until it is acknowledged. */
  #given: Buffer | undefined
  #number = 0

  constructor(answerBytesMax: number) {
    this.#answerBytesMax = answerBytesMax
  }

  /** All that is held for the client. */
  get bytes(): number {
    return this.#lineBytes + (this.#given?.length ?? 0)
  }

  add(line: Uint8Array): void {
    this.#lines.push(line)
    this.#lineBytes += line.length
  }

  /** The client has the answer with this number, and wants the next. False: that cannot be, and nobody can mend it. */
  acknowledge(number: number): boolean {
    if (number === this.#number) this.#given = undefined
    return number === this.#number || (number === this.#number - 1 && this.#given !== undefined)
  }

  /** Its number on the first line, and the lines; `undefined`: there is nothing yet. */
  take(): Buffer | undefined {
    if (this.#given !== undefined || this.#lines.length === 0) return this.#given
    const lines = this.#upTo(this.#answerBytesMax)
    const head = Buffer.from(String(++this.#number))
    const parts: Uint8Array[] = [head]
    for (const line of lines) parts.push(NEWLINE, line)
    this.#given = Buffer.concat(parts)
    return this.#given
  }

  /** An answer without lines, which has no number of its own. */
  nothing(): Buffer {
    return Buffer.from(String(this.#number))
  }

  /** At least one line, however long. */
  #upTo(bytesMax: number): Uint8Array[] {
    let count = 0
    let bytes = 0
    for (const line of this.#lines) {
      if (count > 0 && bytes + line.length > bytesMax) break
      count++
      bytes += line.length
    }
    this.#lineBytes -= bytes
    return this.#lines.splice(0, count)
  }
}

const NEWLINE = Buffer.from('\n')
