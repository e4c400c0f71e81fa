/**
 * Finds the sockets whose buffer is over its limit, for a library that drops messages without a word: the binary for
 * Node 20 has no `dropped`. With it nothing may be dropped: the library's own limit is far above ours, and a socket that
 * reaches that one is cut, which its client sees and resumes from.
 *
 * A buffer grows by what is published only, so it is enough to look when so much has been published since the last look: no
 * buffer is over its limit by more than that and the rest of the turn.
 */

/** So much may wait above the limit before the socket is cut. */
export const EXCESS_BYTES_MAX = 16_777_216

/** Of what is published for each socket that is looked at: a look costs some 60 ns for each, a delivery ten times that. */
const BYTES_PER_SOCKET = 64

interface Watched {
  getBufferedAmount(): number
}

export class BacklogWatch<Socket extends Watched> {
  readonly #limitBytes: number
  readonly #over: (socket: Socket) => void
  readonly #sockets = new Set<Socket>()
  #publishedBytes = 0
  #scheduled = false

  /** `over` is called when nothing is being published, again at each look. */
  constructor(limitBytes: number, over: (socket: Socket) => void) {
    this.#limitBytes = limitBytes
    this.#over = over
  }

  add(socket: Socket): void {
    this.#sockets.add(socket)
  }

  /** Before it is closed. */
  remove(socket: Socket): void {
    this.#sockets.delete(socket)
  }

  published(bytes: number): void {
    this.#publishedBytes += bytes
    if (this.#scheduled) return
    if (this.#publishedBytes < Math.max(this.#limitBytes / 4, this.#sockets.size * BYTES_PER_SOCKET)) return
    this.#scheduled = true
    setImmediate(this.#look)
  }

  readonly #look = (): void => {
    this.#scheduled = false
    this.#publishedBytes = 0
    for (const socket of this.#sockets) if (socket.getBufferedAmount() > this.#limitBytes) this.#over(socket)
  }
}
