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
  /** The object of the library for the socket, which has room for it: a `Set` would be some 30 bytes more for each. */
  getUserData(): { watchedAt?: number | undefined }
}

export class BacklogWatch<Socket extends Watched> {
  readonly #limitBytes: number
  readonly #over: (socket: Socket) => void
  /** In no order. Each knows its place. */
  readonly #sockets: Socket[] = []
  #publishedBytes = 0
  #scheduled = false

  /** `over` is called when nothing is being published, again at each look. */
  constructor(limitBytes: number, over: (socket: Socket) => void) {
    this.#limitBytes = limitBytes
    this.#over = over
  }

  add(socket: Socket): void {
    socket.getUserData().watchedAt = this.#sockets.push(socket) - 1
  }

  /** Before it is closed. The last one takes its place. */
  remove(socket: Socket): void {
    const data = socket.getUserData()
    const place = data.watchedAt
    // It never came so far.
    if (place === undefined) return
    data.watchedAt = undefined
    const last = this.#sockets.pop()
    if (last === undefined || last === socket) return
    this.#sockets[place] = last
    last.getUserData().watchedAt = place
  }

  published(bytes: number): void {
    this.#publishedBytes += bytes
    if (this.#scheduled) return
    if (this.#publishedBytes < Math.max(this.#limitBytes / 4, this.#sockets.length * BYTES_PER_SOCKET)) return
    this.#scheduled = true
    setImmediate(this.#look)
  }

  readonly #look = (): void => {
    this.#scheduled = false
    this.#publishedBytes = 0
    // From the end: where one goes meanwhile, the one that takes its place has been looked at.
    for (let at = this.#sockets.length - 1; at >= 0; at--) {
      const socket = this.#sockets[at]
      if (socket !== undefined && socket.getBufferedAmount() > this.#limitBytes) this.#over(socket)
    }
  }
}
