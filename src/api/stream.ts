/**
 * Answers that go on: events of the second listener for whoever reads them as they come, such as the console. They are few, and each
 * shows what its reader may see anyway.
 */
import type { ApiStream } from './route.ts'
import type { Clock, Timer } from '../clock.ts'
import type { HttpExchange, HttpStream, ResponseHeaders } from '../drivers/uws.ts'
import { SluiceError } from '../errors.ts'
import { OPEN_STREAM_HEADERS, SSE_COMMENT, sseEvent } from '../transport/sse-event.ts'

/** Operators and their consoles are few; more of them are a mistake, or somebody who has got hold of a key. */
const STREAMS_MAX = 64
/** What shows a proxy, and us, that the other end is there. */
const COMMENT_MS = 10_000
const TOO_MANY = `${STREAMS_MAX} streams are open at this node, and it has no more of them at a time: close a console, or ask another node`

/** A whole event. `json` is on one line. */
export function namedEvent(name: string, json: string): string {
  return `${sseEvent(name, json)}\n`
}

export class Streams {
  readonly #clock: Pick<Clock, 'every'>
  readonly #open = new Set<OpenStream>()
  #comments: Timer | undefined

  constructor(clock: Pick<Clock, 'every'>) {
    this.#clock = clock
  }

  /** `begin` is called in any case, so that what was made ready is let go where there is nobody. Fails with `rate_limited`. */
  start(exchange: HttpExchange, begin: (stream: ApiStream) => void, headers: ResponseHeaders): void {
    const all = { ...OPEN_STREAM_HEADERS, ...headers }
    if (exchange.head.method === 'HEAD') {
      begin(NOBODY)
      exchange.respond(200, all)
      return
    }
    if (this.#open.size >= STREAMS_MAX) {
      begin(NOBODY)
      throw new SluiceError('rate_limited', TOO_MANY)
    }
    const open = new OpenStream((one) => this.#ended(one))
    exchange.onAborted(() => open.gone())
    const stream = exchange.stream(200, all, () => open.writable(), SSE_COMMENT)
    // He has gone meanwhile.
    if (stream === undefined) {
      begin(NOBODY)
      return
    }
    open.native = stream
    this.#open.add(open)
    this.#comments ??= this.#clock.every(COMMENT_MS, () => {
      for (const one of this.#open) if (!one.slow) one.write(SSE_COMMENT)
    })
    begin(open)
  }

  /** The node goes: whoever reads looks for another one. */
  end(): void {
    for (const open of [...this.#open]) {
      open.native?.end()
      open.gone()
    }
  }

  #ended(open: OpenStream): void {
    this.#open.delete(open)
    if (this.#open.size > 0) return
    this.#comments?.cancel()
    this.#comments = undefined
  }
}

class OpenStream implements ApiStream {
  native: HttpStream | undefined
  readonly #ended: (open: OpenStream) => void
  #over = false
  #gone: () => void = () => undefined
  #writable: () => void = () => undefined

  constructor(ended: (open: OpenStream) => void) {
    this.#ended = ended
  }

  get slow(): boolean {
    return this.native?.slow !== false
  }

  write(text: string): void {
    const { native } = this
    if (!this.#over) native?.cork(() => void native.write(text))
  }

  end(): void {
    if (this.#close()) this.native?.end()
  }

  abort(): void {
    this.native?.abort()
    this.gone()
  }

  onGone(run: () => void): void {
    this.#gone = run
  }

  onWritable(run: () => void): void {
    this.#writable = run
  }

  gone(): void {
    if (this.#close()) this.#gone()
  }

  writable(): void {
    this.#writable()
  }

  #close(): boolean {
    if (this.#over) return false
    this.#over = true
    this.#ended(this)
    return true
  }
}

const NOBODY: ApiStream = {
  slow: true,
  write() {},
  end() {},
  abort() {},
  onGone: (run) => run(),
  onWritable() {},
}
