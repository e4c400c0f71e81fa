/**
 * One HTTP request and its answer, over uWebSockets.js; what has to be kept there is in `uws.ts`.
 */
import { checkHeaders, writeHead, writeWhole, type ResponseHeaders } from './http-answer.ts'
import { REQUEST_ID_HEADER, requestIdOf } from './request-id.ts'
import { copyHead, wantsClose, type RequestHead } from './request-head.ts'
import type { Native } from './uws-binary.ts'
import { turn } from '../clock.ts'
import { SluiceError, type Caught } from '../errors.ts'

export interface HttpRoute {
  /** A longer body is answered with 413. Of each request, or of this one. */
  readonly bodyBytesMax: number | ((head: RequestHead) => number)
  handle(exchange: HttpExchange): void | Promise<void>
  /** The handler threw or rejected: answer if nothing was answered yet. */
  failed(exchange: HttpExchange, error: unknown): void
}

type TakeBody = (body: Buffer | SluiceError) => void
type ReadBody = (body: ArrayBuffer | Buffer | SluiceError) => void

const NO_BODY = Buffer.alloc(0)

/** Everything is a no-op once the peer has gone. */
export class HttpExchange {
  readonly head: RequestHead
  /** Each answer carries it. */
  readonly requestId: string
  readonly #route: HttpRoute
  readonly #caught: Caught
  readonly #response: Native.HttpResponse
  #aborted: (() => void) | undefined
  #state: 'open' | 'streaming' | 'done' = 'open'
  /** What has come of the body, while there is more to come. */
  #chunks: Buffer[] | undefined
  #bytes = 0
  #body: ArrayBuffer | Buffer | SluiceError | undefined
  /** Its end has not come yet. An answer before that closes the connection: see `#bodyFollows`. */
  #coming = false
  #take: ReadBody | undefined
  /** Who takes it is done with it in the call. */
  #lent = false
  #promise: Promise<Buffer> | undefined
  /** The library has corked the socket: what is written leaves in one system call, with the answers to what came along. */
  #corked = false
  /** An answer waits for the end of the turn. */
  #due = false

  constructor(response: Native.HttpResponse, request: Native.HttpRequest, route: HttpRoute, caught: Caught) {
    this.#response = response
    this.#route = route
    this.#caught = caught
    response.onAborted(() => this.#left())
    this.head = copyHead(response, request)
    const { method, headers } = this.head
    this.requestId = requestIdOf(headers[REQUEST_ID_HEADER])
    if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') this.#body = NO_BODY
  }

  /** To be called in the call that has brought the request. */
  handle(): void | Promise<void> {
    const handled = this.#route.handle(this)
    this.#bodyFollows()
    return handled
  }

  /**
   * The chunks come whether or not somebody waits for them, so they are collected from the start. Where the request
   * was answered the library drops them: it gives no time limit any more to whose body is read to its end after that, and he might
   * keep his connection for ever.
   */
  #bodyFollows(): void {
    if (this.#state === 'done' || this.#body !== undefined) return
    this.#coming = true
    this.#response.onData((chunk, last) => this.#arrived(chunk, last))
  }

  /** Whether the peer has gone or was answered. */
  get done(): boolean {
    return this.#state === 'done'
  }

  onAborted(run: () => void): void {
    this.#aborted = run
  }

  /**
   * Calls `take` with the whole body, or with `limit_exceeded`; never if the peer goes before that. Once, and by one only. What is
   * answered in the call costs no turn of the loop and no system call of its own.
   */
  takeBody(take: TakeBody): void {
    // It is lent to nobody who has not said so.
    this.#whenHere(take as ReadBody)
  }

  /** The same, but the body is good for the time of the call only: one that comes in one piece, as most do, is not copied. */
  readBody(read: ReadBody): void {
    this.#lent = true
    this.#whenHere(read)
  }

  /** As `takeBody` has it, as a promise, for any number. */
  body(): Promise<Buffer> {
    return (this.#promise ??= new Promise((resolve, reject) =>
      this.takeBody((body) => {
        if (body instanceof SluiceError) reject(body)
        else resolve(body)
      }),
    ))
  }

  /** `last`: closes the connection, so that the peer's next request may find another node. */
  respond(status: number, headers: ResponseHeaders, body: string | Uint8Array = '', last = false): void {
    if (this.#state !== 'open') return
    checkHeaders(headers)
    this.#state = 'done'
    const { method, fault, headers: asked } = this.head
    const end = {
      withoutBody: method === 'HEAD',
      last: last || this.#coming || fault !== undefined || wantsClose(asked),
      requestId: this.requestId,
    }
    if (this.#corked && (end.last || !turn.endAwaited)) {
      writeWhole(this.#response, status, headers, body, end)
      return
    }
    const write = (): void => writeWhole(this.#response, status, headers, body, end)
    if (this.#corked) this.#atEndOfTurn(write)
    else this.#response.cork(write)
  }

  /**
   * Where messages leave for sockets at the end of this turn, answers leave then, too: all that came is handled first. Each answer by itself
   * wakes whoever waits for it, to have little to do: of a publish to a channel with one subscriber that was a sixth.
   */
  #atEndOfTurn(write: () => void): void {
    this.#due = true
    turn.atEnd(() => {
      // Its peer has gone meanwhile.
      if (!this.#due) return
      this.#due = false
      try {
        this.#response.cork(write)
      } catch (error) {
        this.#caught('request', error)
      }
    })
  }

  /** Starts an answer of unknown length. `onWritable` is called when the peer, having been slow, reads again. */
  stream(
    status: number,
    headers: ResponseHeaders,
    onWritable: () => void,
    filler: string,
  ): HttpStream | undefined {
    if (this.#state !== 'open') return undefined
    checkHeaders(headers)
    this.#state = 'streaming'
    const response = this.#response
    response.cork(() => writeHead(response, status, { ...headers, [REQUEST_ID_HEADER]: this.requestId }))
    const finish = (): boolean => {
      if (this.#state === 'done') return false
      this.#state = 'done'
      return true
    }
    const over = (): boolean => this.#state === 'done'
    return new HttpStream(response, { onWritable, filler, finish, over, caught: this.#caught })
  }

  /** Cuts the connection, whatever was answered so far; who waits for `onAborted` is told. */
  cut(): void {
    if (this.#state !== 'done') this.#response.close()
  }

  /** What handles it has failed. Whoever cannot even say what failed leaves no peer waiting. */
  fail(error: unknown): void {
    try {
      this.#route.failed(this, error)
    } catch (fault) {
      this.#caught('request', fault)
      this.respond(500, {}, '', true)
    }
    // In the middle of a stream there is no answer any more.
    if (!this.done) this.cut()
  }

  #left(): void {
    this.#due = false
    if (this.#state === 'done') return
    this.#state = 'done'
    try {
      this.#aborted?.()
    } catch (error) {
      this.#caught('aborted', error)
    }
  }

  #whenHere(read: ReadBody): void {
    if (this.#body === undefined) this.#take = read
    else read(this.#body)
  }

  #arrived(chunk: ArrayBuffer, last: boolean): void {
    if (last) this.#coming = false
    // Too long already, and whoever asked was told.
    if (this.#body !== undefined) return
    try {
      this.#body = this.#collected(chunk, last)
    } catch (error) {
      this.#caught('body', error)
      this.#body = new SluiceError('internal', 'the body could not be read')
    }
    const take = this.#take
    if (this.#body === undefined || take === undefined) return
    this.#take = undefined
    this.#corked = true
    try {
      take(this.#body)
    } catch (error) {
      this.fail(error)
    }
    this.#corked = false
    if (this.#lent) this.#body = NO_BODY
  }

  /** `undefined`: there is more to come. */
  #collected(chunk: ArrayBuffer, last: boolean): ArrayBuffer | Buffer | SluiceError | undefined {
    const { bodyBytesMax } = this.#route
    const bytesMax = typeof bodyBytesMax === 'number' ? bodyBytesMax : bodyBytesMax(this.head)
    this.#bytes += chunk.byteLength
    if (this.#bytes > bytesMax) {
      this.#chunks = undefined
      return new SluiceError('limit_exceeded', `the body is larger than ${bytesMax} bytes`)
    }
    if (last && this.#lent && this.#chunks === undefined) return chunk
    // Copied, since its memory is taken back after the call: into the pool, which costs a quarter of memory of its own.
    const copy = Buffer.from(Buffer.from(chunk))
    if (last && this.#chunks === undefined) return copy
    ;(this.#chunks ??= []).push(copy)
    return last ? Buffer.concat(this.#chunks) : undefined
  }
}

interface StreamParts {
  readonly onWritable: () => void
  readonly filler: string
  readonly finish: () => boolean
  /** It was ended or cut, or the peer has gone: what is done to the response then throws. */
  readonly over: () => boolean
  readonly caught: Caught
}

/** To where the bytes of a stream go, for whoever writes the same to thousands of them: nothing else of each has to be looked at. */
export interface StreamWriter {
  /** What is written in it leaves in one system call. */
  cork(run: () => void): unknown
  /** To be called inside `cork`. False: the peer is behind, and `fallBehind` of the stream is called; the chunk is kept all the same. */
  write(chunk: Uint8Array): boolean
}

export class HttpStream {
  readonly #response: Native.HttpResponse
  readonly #finish: () => boolean
  #slow = false
  #wrote = false

  constructor(response: Native.HttpResponse, { onWritable, filler, finish, over, caught }: StreamParts) {
    this.#response = response
    this.#finish = finish
    response.onWritable(() => {
      this.#slow = false
      this.#wrote = false
      const faults: unknown[] = []
      response.cork(() => {
        try {
          onWritable()
          // What is still in uWebSockets.js' buffer moves only when something is written behind it. Whoever was too slow may be closed by now.
          if (!this.#wrote && !over()) this.write(filler)
        } catch (error) {
          faults.push(error)
        }
      })
      if (faults.length > 0) {
        caught('writable', faults[0])
        // Tells whoever waits for `onAborted`.
        if (!over()) response.close()
      }
      return true
    })
  }

  /** Whether the peer is behind: what is written now waits in this process' memory. */
  get slow(): boolean {
    return this.#slow
  }

  get writer(): StreamWriter {
    return this.#response
  }

  /** The writer has said that the peer is behind. */
  fallBehind(): void {
    this.#slow = true
  }

  /** To be called inside `cork`. False: the peer is behind; the chunk is kept all the same. */
  write(chunk: Uint8Array | string): boolean {
    this.#wrote = true
    const flowing = this.#response.write(chunk)
    if (!flowing) this.#slow = true
    return flowing
  }

  /** What `write` does in it leaves in one system call. */
  cork(run: () => void): void {
    this.#response.cork(run)
  }

  end(): void {
    if (this.#finish()) this.#response.cork(() => this.#response.end())
  }

  /** Cuts the connection: the client sees a network error, and a browser's `EventSource` comes back. */
  abort(): void {
    if (this.#finish()) this.#response.close()
  }
}
