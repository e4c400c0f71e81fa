/**
 * The write side of Durable Streams that the gateway does not have, for its conformance suite, which makes its streams by `PUT` and `POST`.
 * Each of its streams is a channel, and what is appended is published there; every read is the gateway's answer.
 *
 * Streams of other types than JSON have their bytes in messages, as texts in base64, and are put together again as they pass.
 */
import { createHash } from 'node:crypto'
import {
  createServer,
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import type { StartedNode } from '../../support/start-node.ts'

/** Of the gateway that is read; without a log the channels of the other one are no streams. */
export const NAMESPACES = { ds: { max: 100_000, ttl: '1h' }, none: { delivery: 'ephemeral' } } as const

interface Stream {
  readonly type: string
  readonly channel: string
  readonly madeClosed: boolean
  closed: boolean
  seq: string | undefined
}

/** What a write is answered. */
interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
}

export interface WriteSide {
  readonly url: string
  close(): Promise<void>
}

export async function startWriteSide(node: StartedNode): Promise<WriteSide> {
  const writes = new Writes(node)
  const server = createServer((asked, response) => {
    const { pathname, search } = new URL(asked.url as string, 'http://shim')
    if (asked.method === 'PUT' || asked.method === 'POST' || asked.method === 'DELETE')
      writes.answer(asked, pathname).then(
        ({ status, headers }) => {
          response.writeHead(status, { 'x-content-type-options': 'nosniff', ...headers })
          response.end()
        },
        (error: unknown) => response.destroy(error as Error),
      )
    else read(asked, response, { port: node.port, stream: writes.streams.get(pathname), search })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

class Writes {
  readonly streams = new Map<string, Stream>()
  readonly #node: StartedNode
  /** By path: appends to one stream are one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>()
  #made = 0

  constructor(node: StartedNode) {
    this.#node = node
  }

  async answer(asked: IncomingMessage, path: string): Promise<Answer> {
    const body = await bodyOf(asked)
    const before = this.#turns.get(path) ?? Promise.resolve()
    const turn = before.then(() => this.#write(asked, path, body))
    this.#turns.set(
      path,
      turn.catch(() => undefined),
    )
    return turn
  }

  #write({ method, headers }: IncomingMessage, path: string, body: Buffer): Answer | Promise<Answer> {
    if (method === 'PUT') return this.#put(path, headers, body)
    if (method === 'POST') return this.#post(path, headers, body)
    return { status: this.streams.delete(path) ? 204 : 404 }
  }

  async #put(path: string, headers: IncomingHttpHeaders, body: Buffer): Promise<Answer> {
    const type = headers['content-type'] ?? 'application/octet-stream'
    const madeClosed = headers['stream-closed'] === 'true'
    const there = this.streams.get(path)
    if (there !== undefined) {
      const isSame = kindOf(there.type) === kindOf(type) && there.madeClosed === madeClosed
      return this.#said(isSame ? 200 : 409, there)
    }
    const channel = `ds:${createHash('sha256').update(path).digest('hex').slice(0, 40)}-${++this.#made}`
    const stream: Stream = { type, channel, madeClosed, closed: false, seq: undefined }
    this.streams.set(path, stream)
    if (body.length > 0) await this.#append(stream, body)
    if (madeClosed) await this.#end(stream)
    const location = `http://${headers.host ?? ''}${path}`
    return this.#said(201, stream, { 'content-type': type, location })
  }

  async #post(path: string, headers: IncomingHttpHeaders, body: Buffer): Promise<Answer> {
    const stream = this.streams.get(path)
    const ends = headers['stream-closed'] === 'true'
    const type = headers['content-type']
    if (stream === undefined) return { status: 404 }
    if (stream.closed) return this.#said(ends && body.length === 0 ? 204 : 409, stream)
    if (body.length === 0 && !ends) return { status: 400 }
    if (body.length > 0) {
      const seq = headers['stream-seq'] as string | undefined
      if (type === undefined || (isJson(type) && !isAppendable(body))) return { status: 400 }
      if (kindOf(type) !== kindOf(stream.type)) return { status: 409 }
      if (seq !== undefined && stream.seq !== undefined && seq <= stream.seq) return { status: 409 }
      await this.#append(stream, body)
      stream.seq = seq ?? stream.seq
    }
    if (ends) await this.#end(stream)
    return this.#said(204, stream)
  }

  async #append({ type, channel }: Stream, body: Buffer): Promise<void> {
    const json = isJson(type) ? (JSON.parse(body.toString()) as unknown) : body.toString('base64')
    const values: readonly unknown[] = Array.isArray(json) ? json : [json]
    for (let from = 0; from < values.length; from += 100)
      await this.#node.publish(values.slice(from, from + 100).map((data) => ({ channel, data })))
  }

  async #end(stream: Stream): Promise<void> {
    stream.closed = true
    const mark = { channel: stream.channel, data: null, headers: { 'stream-closed': 'true' } }
    const { status } = await this.#node.api('POST', '/v1/publish', mark)
    if (status !== 200) throw new Error(`the end of a stream was answered with ${status}`)
  }

  async #said(status: number, stream: Stream, more: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const head = await fetch(`http://127.0.0.1:${this.#node.port}/streams/${stream.channel}`, {
      method: 'HEAD',
    })
    const next = head.headers.get('stream-next-offset') as string
    const closed = stream.closed ? { 'stream-closed': 'true' } : {}
    return {
      status,
      headers: { 'content-type': stream.type, 'stream-next-offset': next, ...closed, ...more },
    }
  }
}

interface Reading {
  readonly port: number
  readonly stream: Stream | undefined
  readonly search: string
}

function read(asked: IncomingMessage, response: ServerResponse, { port, stream, search }: Reading): void {
  const { method, headers } = asked
  const path = `/streams/${stream?.channel ?? 'none:1'}${search}`
  const { host: _host, connection: _connection, ...sent } = headers
  const up = request({ host: '127.0.0.1', port, path, method, headers: sent, agent: false }, (answer) => {
    const status = answer.statusCode as number
    const { connection: _close, 'transfer-encoding': _chunked, ...said } = answer.headers
    const isStream = said['content-type'] === 'text/event-stream'
    const type = stream?.type ?? 'application/json'
    if (status === 200 && !isStream) said['content-type'] = type
    if (isJson(type) || status !== 200 || method !== 'GET') {
      response.writeHead(status, said)
      response.flushHeaders()
      answer.pipe(response)
    } else if (isStream) passEvents(answer, response, { said, type })
    else void passBytes(answer, response, { said, type })
  })
  up.on('error', (error) => response.destroy(error))
  response.on('close', () => up.destroy())
  up.end()
}

interface Passing {
  readonly said: IncomingHttpHeaders
  readonly type: string
}

async function passBytes(
  answer: IncomingMessage,
  response: ServerResponse,
  { said }: Passing,
): Promise<void> {
  const bytes = bytesIn((await bodyOf(answer)).toString())
  response.writeHead(200, { ...said, 'content-length': bytes.length })
  response.end(bytes)
}

function passEvents(answer: IncomingMessage, response: ServerResponse, { said, type }: Passing): void {
  const isText = type.startsWith('text/')
  response.writeHead(200, { ...said, ...(isText ? {} : { 'stream-sse-data-encoding': 'base64' }) })
  response.flushHeaders()
  let rest = ''
  answer.on('data', (piece: Buffer) => {
    const events = (rest + piece.toString()).split('\n\n')
    rest = events.pop() as string
    for (const event of events) {
      const [, data] = /^event: data\ndata:(.*)$/.exec(event) ?? []
      const bytes = data === undefined ? undefined : bytesIn(data)
      const lines = bytes && (isText ? bytes.toString().split(/\r\n|\r|\n/) : [bytes.toString('base64')])
      response.write(
        lines ? `event: data\n${lines.map((line) => `data:${line}\n`).join('')}\n` : `${event}\n\n`,
      )
    }
  })
  answer.on('end', () => response.end())
  answer.on('error', () => response.destroy())
}

function bytesIn(json: string): Buffer {
  return Buffer.concat((JSON.parse(json) as string[]).map((text) => Buffer.from(text, 'base64')))
}

async function bodyOf(stream: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

function kindOf(type: string): string {
  return (type.split(';')[0] as string).toLowerCase()
}

function isJson(type: string): boolean {
  return kindOf(type) === 'application/json'
}

function isAppendable(body: Buffer): boolean {
  try {
    const value = JSON.parse(body.toString()) as unknown
    return !Array.isArray(value) || value.length > 0
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}
