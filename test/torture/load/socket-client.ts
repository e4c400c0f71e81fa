/** A client by the documentation alone: it knows frames, positions and close codes, and nothing of moving. */
import WebSocket from 'ws'
import type { ServerFrame } from '../../../src/dialect/sluice-v1/frames.ts'
import { Diary, type ClientOptions, type LoadClient, type Place } from './client.ts'

const PING_MS = 4000
const SILENT_MS = 12_000
const AGAIN_MS = 500
const BACKOFF_MAX_MS = 2000

export function socketClient(options: ClientOptions): LoadClient {
  const client = new SocketClient(options)
  client.open()
  return client
}

class SocketClient implements LoadClient {
  readonly options: ClientOptions
  readonly ready: Promise<unknown>
  readonly #diary: Diary
  readonly #positions = new Map<string, Place>()
  /** The number of a request is the place of its channel here. */
  readonly #names: readonly string[]
  #session: string | undefined
  #socket: WebSocket | undefined
  #attempts = 0
  #closed = false

  constructor(options: ClientOptions) {
    this.options = options
    this.#diary = new Diary(options)
    this.#names = [...options.channels, '@inbox']
    this.ready = this.#diary.ready
  }

  open(): void {
    if (this.#closed) return
    const socket = new WebSocket(`ws://127.0.0.1:${this.options.port}/v1/ws`, 'sluice.v1')
    this.#socket = socket
    let heardMs = performance.now()
    const beat = setInterval(() => {
      if (performance.now() - heardMs > SILENT_MS) socket.terminate()
      else if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"ping"}')
    }, PING_MS)
    socket.on('open', () => this.#greet(socket))
    socket.on('message', (data) => {
      heardMs = performance.now()
      // oxlint-disable-next-line typescript/no-base-to-string -- a text frame's Buffer
      this.#take(socket, JSON.parse(data.toString()) as ServerFrame)
    })
    socket.on('error', () => undefined)
    socket.on('close', (code) => {
      clearInterval(beat)
      this.#diary.trouble(`closed with ${code}`)
      const most = Math.min(BACKOFF_MAX_MS, 200 * 2 ** this.#attempts++)
      setTimeout(() => this.open(), Math.random() * most)
    })
  }

  close(): void {
    this.#closed = true
    this.#socket?.terminate()
  }

  #greet(socket: WebSocket): void {
    const { token, channels } = this.options
    const resume = Object.fromEntries(this.#positions)
    socket.send(JSON.stringify({ type: 'connect', token, session: this.#session, resume }))
    for (const channel of channels) if (!this.#positions.has(channel)) this.#subscribe(socket, channel)
  }

  #subscribe(socket: WebSocket, channel: string): void {
    if (socket.readyState !== WebSocket.OPEN) return
    const ref = this.#names.indexOf(channel)
    socket.send(JSON.stringify({ type: 'subscribe', ref, channel, from: this.#positions.get(channel) }))
  }

  #take(socket: WebSocket, frame: ServerFrame): void {
    switch (frame.type) {
      case 'welcome':
        this.#welcomed(socket, frame)
        break
      case 'subscribed':
        this.#starts(frame.channel, frame)
        break
      case 'message': {
        const { channel, offset = 0, data } = frame
        const at = this.#positions.get(channel)
        if (at === undefined) {
          this.#diary.final(`a message of ${channel}, which has no position`)
          break
        }
        // It was seen on the connection before this one.
        if (offset <= at.offset) break
        this.#positions.set(channel, { epoch: at.epoch, offset })
        this.#diary.shown(channel, data, offset, at.epoch)
        break
      }
      case 'reset': {
        const { channel, epoch, offset } = frame
        this.#positions.set(channel, { epoch, offset })
        this.#diary.reset(channel, frame)
        break
      }
      case 'error': {
        this.#diary.trouble(`${frame.code}: ${frame.message}`)
        const channel = frame.ref === undefined ? undefined : this.#names[frame.ref]
        if (channel === undefined) break
        if (frame.retryable) setTimeout(() => this.#subscribe(socket, channel), AGAIN_MS)
        else this.#diary.final(`${channel} is refused: ${frame.code}, ${frame.message}`)
        break
      }
      default:
        break
    }
  }

  #welcomed(socket: WebSocket, frame: Extract<ServerFrame, { type: 'welcome' }>): void {
    this.#attempts = 0
    this.#session = frame.session
    for (const [channel, restored] of Object.entries(frame.channels)) {
      if (!('error' in restored)) {
        this.#starts(channel, restored)
        continue
      }
      this.#diary.trouble(`${channel} is not restored: ${restored.error}`)
      setTimeout(() => this.#subscribe(socket, channel), AGAIN_MS)
    }
  }

  #starts(channel: string, { epoch, offset }: { readonly epoch?: string; readonly offset?: number }): void {
    // One that was resumed keeps the position that it has.
    if (this.#positions.has(channel) || epoch === undefined || offset === undefined) return
    this.#positions.set(channel, { epoch, offset })
    this.#diary.starts(channel, { epoch, offset })
  }
}
