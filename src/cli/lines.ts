/**
 * A stream of bytes as lines.
 */

export interface Line {
  /** From 1. */
  readonly number: number
  /** Without its line break. Nothing where it is longer than `bytesMax`: then it was thrown away. */
  readonly text: string | undefined
}

const LINE_FEED = 0x0a

/**
 * Yields the lines of each chunk as soon as the chunk is there, as `tail -f` and other endless writers need. A last line
 * without a line break counts. Bytes that are no UTF-8 become U+FFFD.
 */
export async function* linesOf(input: AsyncIterable<Uint8Array>, bytesMax: number): AsyncGenerator<Line[]> {
  let rest: Uint8Array[] = []
  let restBytes = 0
  let number = 0
  const finish = (): Line => {
    number++
    const text = restBytes > bytesMax ? undefined : Buffer.concat(rest).toString('utf8').replace(/\r$/, '')
    rest = []
    restBytes = 0
    return { number, text }
  }
  const keep = (piece: Uint8Array): void => {
    restBytes += piece.length
    // A line without an end must not fill the memory.
    if (restBytes > bytesMax) rest = []
    else rest.push(piece)
  }
  for await (const chunk of input) {
    const lines: Line[] = []
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      keep(chunk.subarray(start, end))
      lines.push(finish())
      start = end + 1
    }
    if (start < chunk.length) keep(chunk.subarray(start))
    if (lines.length > 0) yield lines
  }
  if (restBytes > 0) yield [finish()]
}
