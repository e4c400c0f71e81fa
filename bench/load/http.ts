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
  readonly path: string
  readonly answered: (answer: Answer) => void
}

export class HttpPool {
  readonly #options: PoolOptions
  readonly #failed: (problem: string) => void
  readonly #idle: PostConnection[] = []
  readonly #queue: Request[] = []
  #open = 0

  /** `failed` is called where a connection ends while it waits for an answer. */
  constructor(options: PoolOptions, failed: (problem: string) => void) {
    this.#options = options
    this.#failed = failed
  }

  /** `path`: in place of that of the options. */
  post(body: string, answered: (answer: Answer) => void, path = this.#options.path): void {
    const connection = this.#idle.pop()
    const request = { body, path, answered }
    if (connection !== undefined) connection.post(request)
    else if (this.#open < this.#options.connections) this.#connect().post(request)
    else this.#queue.push(request)
  }

  #connect(): PostConnection {
    this.#open++
    return new PostConnection(this.#options, {
      freed: (connection) => {
        const next = this.#queue.shift()
        if (next === undefined) this.#idle.push(connection)
        else connection.post(next)
      },
      closed: (connection, problem) => {
        this.#open--
        const at = this.#idle.indexOf(connection)
        // A server ends a connection that was idle for long; the next request opens another one.
        if (at === -1) this.#failed(`a publisher's connection ended before the answer: ${problem}`)
        else this.#idle.splice(at, 1)
      },
    })
  }
}

interface PoolSide {
  freed(connection: PostConnection): void
  closed(connection: PostConnection, problem: string): void
}

class PostConnection {
  readonly #socket: Socket
  readonly #headers: string
  readonly #pool: PoolSide
  #answered: ((answer: Answer) => void) | undefined
  #received: Buffer = Buffer.alloc(0)

  constructor({ port, headers }: PoolOptions, pool: PoolSide) {
    this.#pool = pool
    const lines = Object.entries({ ...headers, 'content-type': 'application/json' })
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')
    this.#headers = `host: 127.0.0.1:${port}\r\n${lines}`
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true })
    let problem = 'the server closed it'
    this.#socket.on('data', (chunk) => this.#arrived(chunk))
    this.#socket.on('error', (error) => {
      problem = error.message
    })
    this.#socket.on('close', () => pool.closed(this, problem))
  }

  post({ path, body, answered }: Request): void {
    this.#answered = answered
    this.#socket.write(
      `POST ${path} HTTP/1.1\r\n${this.#headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
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
    this.#pool.freed(this)
    answered?.(answer)
  }
}
