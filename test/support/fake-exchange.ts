import type { HttpExchange, ResponseHeaders } from '../../src/drivers/uws.ts'

/**
 * A request and its answer, as the HTTP door hands them to a connection. What is written reaches the client while it
 * reads; where it does not, up to `roomBytes` wait for it before the stream says that it is slow.
 */
export class FakeExchange {
  readonly head = { remoteAddress: '127.0.0.1', headers: {}, path: '/', query: '', method: 'GET' }
  status: number | undefined
  headers: ResponseHeaders = {}
  /** The answer so far, as far as the client has read it. */
  text = ''
  /** How it ended: completely, or by a cut. */
  end: 'complete' | 'cut' | undefined
  reading = true
  readonly #roomBytes: number
  #waiting = ''
  #slow = false
  #reads: () => void = () => undefined

  constructor(roomBytes: number) {
    this.#roomBytes = roomBytes
  }

  asExchange(): HttpExchange {
    return this as unknown as HttpExchange
  }

  get done(): boolean {
    return this.end !== undefined
  }

  onAborted(): void {}

  respond(status: number, headers: ResponseHeaders, body: string | Uint8Array = ''): void {
    if (this.status !== undefined || this.done) return
    this.#start(status, headers)
    this.write(body)
    this.end = 'complete'
  }

  stream(status: number, headers: ResponseHeaders, onWritable: () => void): unknown {
    if (this.status !== undefined || this.done) return undefined
    this.#start(status, headers)
    this.#reads = onWritable
    return new FakeStream(this)
  }

  stopReading(): void {
    this.reading = false
  }

  get slow(): boolean {
    return this.#slow
  }

  get waitingBytes(): number {
    return this.#waiting.length
  }

  /** Some of it is on its way; the stream is told only when there is room again. */
  readSome(): void {
    const half = Math.ceil(this.#waiting.length / 2)
    this.text += this.#waiting.slice(0, half)
    this.#waiting = this.#waiting.slice(half)
  }

  /** The client reads everything that waits, and goes on reading. */
  read(): void {
    this.reading = true
    this.text += this.#waiting
    this.#waiting = ''
    if (!this.#slow) return
    this.#slow = false
    if (!this.done) this.#reads()
  }

  #start(status: number, headers: ResponseHeaders): void {
    this.status = status
    this.headers = headers
  }

  write(chunk: string | Uint8Array): boolean {
    if (this.done) throw new Error('written behind the end of the answer')
    const text = Buffer.from(chunk as string).toString()
    if (this.reading) this.text += text
    else this.#waiting += text
    if (this.#waiting.length > this.#roomBytes) this.#slow = true
    return !this.#slow
  }
}

class FakeStream {
  readonly #exchange: FakeExchange

  constructor(exchange: FakeExchange) {
    this.#exchange = exchange
  }

  get slow(): boolean {
    return this.#exchange.slow
  }

  write(chunk: string | Uint8Array): boolean {
    return this.#exchange.write(chunk)
  }

  /** It knows by itself when it is slow. */
  get writer(): this {
    return this
  }

  fallBehind(): void {}

  cork(run: () => void): void {
    run()
  }

  end(): void {
    this.#exchange.end ??= 'complete'
  }

  abort(): void {
    this.#exchange.end ??= 'cut'
  }
}
