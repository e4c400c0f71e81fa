/** A WebSocket client (`ws`) that shows every frame, for tests that speak the protocol by hand. */
import WebSocket from 'ws'

export type Frame = Readonly<Record<string, unknown>> & { readonly type: string }

export interface Closed {
  readonly code: number
  readonly reason: string
}

export class RawClient {
  readonly socket: WebSocket
  readonly frames: Frame[] = []
  readonly binary: Buffer[] = []
  readonly closed: Promise<Closed>
  readonly #waiting = new Set<() => void>()
  #taken = 0

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data, isBinary) => {
      if (isBinary) this.binary.push(data as Buffer)
      // oxlint-disable-next-line typescript/no-base-to-string -- a text frame's Buffer
      else this.frames.push(JSON.parse(data.toString()) as Frame)
      for (const wake of this.#waiting) wake()
    })
    // What an error was shows in the close code, or in the rejection of `open`.
    socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() })
        for (const wake of this.#waiting) wake()
      })
    })
  }

  get isOpen(): boolean {
    return this.socket.readyState === WebSocket.OPEN
  }

  static open(
    url: string,
    options: WebSocket.ClientOptions & { protocols?: string[] } = {},
  ): Promise<RawClient> {
    const { protocols = ['sluice.v1'], ...rest } = options
    const socket = new WebSocket(url, protocols, rest)
    const client = new RawClient(socket)
    return new Promise((resolve, reject) => {
      socket.on('open', () => resolve(client))
      socket.on('unexpected-response', (_request, response) => {
        let body = ''
        response.on('data', (chunk: Buffer) => (body += chunk.toString()))
        response.on('end', () =>
          reject(new RefusedHandshake(response.statusCode as number, response.headers, body)),
        )
      })
      socket.on('error', reject)
    })
  }

  /** Opens and connects; the `welcome` has been taken. */
  static async connect(
    url: string,
    connect: Readonly<Record<string, unknown>>,
    options: WebSocket.ClientOptions = {},
  ): Promise<{ client: RawClient; welcome: Frame }> {
    const client = await RawClient.open(url, options)
    client.send({ type: 'connect', ...connect })
    return { client, welcome: await client.next('welcome') }
  }

  send(frame: object | string | Buffer): void {
    this.socket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame))
  }

  /** The next frame, in order; its type must be the given one. */
  async next(type: string): Promise<Frame> {
    await this.#until(() => this.frames.length > this.#taken)
    const frame = this.frames[this.#taken++] as Frame
    if (frame.type !== type) throw new Error(`expected ${type}, got ${JSON.stringify(frame)}`)
    return frame
  }

  /** The first frame that fits, wherever it is; frames before it count as taken. */
  async find(fits: (frame: Frame) => boolean): Promise<Frame> {
    await this.#until(() => this.frames.slice(this.#taken).some(fits))
    const at = this.frames.findIndex((frame, index) => index >= this.#taken && fits(frame))
    this.#taken = at + 1
    return this.frames[at] as Frame
  }

  /** Sends a request and takes its reply or error. */
  request(frame: Readonly<Record<string, unknown>> & { readonly ref: number }): Promise<Frame> {
    this.send(frame)
    return this.find(({ ref }) => ref === frame.ref)
  }

  /** Everything that was sent before has been answered or delivered when this resolves. */
  async settled(): Promise<void> {
    const ref = 1_000_000 + this.frames.length
    await this.request({ type: 'ping', ref })
  }

  async nextBinary(): Promise<Buffer> {
    await this.#until(() => this.binary.length > 0)
    return this.binary.shift() as Buffer
  }

  cut(): void {
    this.socket.terminate()
  }

  async #until(fulfilled: () => boolean): Promise<void> {
    while (!fulfilled()) {
      if (this.socket.readyState === WebSocket.CLOSED) {
        throw new Error(`closed while waiting; frames: ${JSON.stringify(this.frames.slice(this.#taken))}`)
      }
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake)
          resolve()
        }
        this.#waiting.add(wake)
      })
    }
  }
}

export class RefusedHandshake extends Error {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string

  constructor(
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
    body: string,
  ) {
    super(`the handshake was answered with ${status}: ${body}`)
    this.status = status
    this.headers = headers
    this.body = body
  }
}
