/** An SSE client that looks for the marks of the messages and for nothing else. */
import { connect, type Socket } from 'node:net'
import { MARK, NUMBER_DIGITS, numberAt } from './payload.ts'

const END_OF_HEAD = Buffer.from('\r\n\r\n')

/** All streams read into the same memory: what arrived is dealt with before the next one reads. */
const arrivals = Buffer.alloc(262_144)

export interface StreamTarget {
  readonly port: number
  readonly path: string
}

export interface StreamReceiver {
  /** The head of the answer, or the first of the stream, is here. */
  opened(): void
  received(number: number): void
  closed(problem: string): void
}

export class RawStream {
  readonly #socket: Socket
  readonly #receiver: StreamReceiver
  #open = false
  #rest: Buffer | undefined

  constructor({ port, path }: StreamTarget, receiver: StreamReceiver) {
    this.#receiver = receiver
    this.#socket = connect({
      host: '127.0.0.1',
      port,
      onread: {
        buffer: arrivals,
        callback: (bytes, buffer) => {
          this.#arrived(buffer as Buffer, bytes)
          return true
        },
      },
    })
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\n\r\n`)
    this.#socket.on('error', (error) => receiver.closed(error.message))
    this.#socket.on('close', () => receiver.closed('the server ended the stream'))
  }

  #arrived(memory: Buffer, bytes: number): void {
    // Without what an earlier read left behind it: a search must not run into that.
    let buffer = memory.subarray(0, bytes)
    if (this.#rest !== undefined) {
      buffer = Buffer.concat([this.#rest, buffer])
      this.#rest = undefined
    }
    let at = 0
    if (!this.#open) {
      const head = buffer.indexOf(END_OF_HEAD)
      if (head === -1) {
        this.#rest = Buffer.from(buffer)
        return
      }
      const status = buffer.toString('latin1', 0, buffer.indexOf('\r\n'))
      if (!status.startsWith('HTTP/1.1 200')) {
        this.#receiver.closed(`the stream was answered with ${status}`)
        return
      }
      this.#open = true
      this.#receiver.opened()
      at = head + END_OF_HEAD.length
    }
    for (;;) {
      const mark = buffer.indexOf(MARK, at)
      if (mark === -1) return
      if (mark + NUMBER_DIGITS >= buffer.length) {
        this.#rest = Buffer.from(buffer.subarray(mark))
        return
      }
      this.#receiver.received(numberAt(buffer, mark + 1))
      at = mark + 1 + NUMBER_DIGITS
    }
  }
}
