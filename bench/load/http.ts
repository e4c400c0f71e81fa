/** Keep-alive connections that post one request after the other, as a backend's pool does. */
import { connect, type Socket } from 'node:net'

const END_OF_HEAD = Buffer.from('\r\n\r\n')
const CONTENT_LENGTH = /^content-length: (\d+)$/im

export interface Answer {
  readonly status: number
  readonly body: string
}

export interface PoolOptions {
  readonly port: number
  readonly path: string
  readonly connections: number
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>
}

interface Request {
  readonly body: string
  readonly answered: (answer: Answer) => void
}

export class HttpPool {
  readonly #idle: PostConnection[] = []
  readonly #queue: Request[] = []
  readonly #all: PostConnection[]

  /** `failed` is called where a connection ends by itself. */
  constructor(options: PoolOptions, failed: (problem: string) => void) {
    this.#all = Array.from(
      { length: options.connections },
      () => new PostConnection(options, failed, (connection) => this.#freed(connection)),
    )
    this.#idle.push(...this.#all)
  }

  post(body: string, answered: (answer: Answer) => void): void {
    const connection = this.#idle.pop()
    if (connection === undefined) this.#queue.push({ body, answered })
    else connection.post(body, answered)
  }

  close(): void {
    for (const connection of this.#all) connection.close()
  }

  #freed(connection: PostConnection): void {
    const next = this.#queue.shift()
    if (next === undefined) this.#idle.push(connection)
    else connection.post(next.body, next.answered)
  }
}

class PostConnection {
  readonly #socket: Socket
  readonly #head: string
  readonly #freed: (connection: PostConnection) => void
  #answered: ((answer: Answer) => void) | undefined
  #received: Buffer = Buffer.alloc(0)
  #closing = false

  constructor(
    { port, path, headers }: PoolOptions,
    failed: (problem: string) => void,
    freed: (connection: PostConnection) => void,
  ) {
    this.#freed = freed
    const lines = Object.entries({ ...headers, 'content-type': 'application/json' })
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')
    this.#head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${lines}`
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true })
    this.#socket.on('data', (chunk) => this.#arrived(chunk))
    this.#socket.on('error', (error) => failed(`a publisher's connection: ${error.message}`))
    this.#socket.on('close', () => {
      if (!this.#closing) failed("the server closed a publisher's connection")
    })
  }

  post(body: string, answered: (answer: Answer) => void): void {
    this.#answered = answered
    this.#socket.write(`${this.#head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  }

  close(): void {
    this.#closing = true
    this.#socket.destroy()
  }

  #arrived(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    const headEnd = this.#received.indexOf(END_OF_HEAD)
    if (headEnd === -1) return
    const head = this.#received.toString('latin1', 0, headEnd)
    // node:http sends short answers in chunks unless it is told their length; they end in the same segment.
    const length = CONTENT_LENGTH.exec(head)?.[1]
    const bodyStart = headEnd + END_OF_HEAD.length
    const complete =
      length === undefined
        ? this.#received.includes('0\r\n\r\n', bodyStart)
        : this.#received.length >= bodyStart + Number(length)
    if (!complete) return
    const answer = {
      status: Number(head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)),
      body: this.#received.toString('utf8', bodyStart),
    }
    this.#received = Buffer.alloc(0)
    const answered = this.#answered
    this.#answered = undefined
    this.#freed(this)
    answered?.(answer)
  }
}
