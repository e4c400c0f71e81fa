/**
 * A WebSocket client that does as little as it can: it finds the frames in what arrives (RFC 6455, section 5.2) and hands them on
 * where they lie, so that the load's core keeps up with the server's.
 */
import { connect, type Socket } from 'node:net'

const OPCODE_CLOSE = 0x8
const OPCODE_PING = 0x9
const PONG = 0x8a
const TEXT = 0x81
const MASKED = 0x80
const LENGTH_16 = 126
const LENGTH_64 = 127
const END_OF_HEAD = Buffer.from('\r\n\r\n')
/** Any 16 bytes do (RFC 6455, section 4.1): nobody looks at the answer. */
const KEY = Buffer.from('sixteen bytes ok').toString('base64')

/** All sockets read into the same memory: what arrived is dealt with before the next one reads. */
const arrivals = Buffer.alloc(262_144)

export interface WebSocketTarget {
  readonly port: number
  /** An address has 28,000 ports; whoever connects more often needs another one. Absent: what the system takes. */
  readonly from?: string | undefined
  readonly path: string
  readonly subprotocol: string
  readonly extensions?: string
}

export interface Receiver {
  opened(): void
  /** A data frame without its header. Valid during the call. */
  received(bytes: Buffer, start: number, end: number): void
  /** `problem` is empty after `close`. */
  closed(problem: string): void
}

export class RawWebSocket {
  readonly #socket: Socket
  readonly #receiver: Receiver
  #open = false
  #closing = false
  #atPleasure = false
  /** The beginning of a frame whose end has not arrived. */
  #rest: Buffer | undefined

  constructor({ port, from, path, subprotocol, extensions }: WebSocketTarget, receiver: Receiver) {
    this.#receiver = receiver
    const protocol = subprotocol === '' ? '' : `Sec-WebSocket-Protocol: ${subprotocol}\r\n`
    const offer = extensions === undefined ? '' : `Sec-WebSocket-Extensions: ${extensions}\r\n`
    this.#socket = connect({
      host: '127.0.0.1',
      port,
      ...(from === undefined ? {} : { localAddress: from }),
      noDelay: true,
      onread: {
        buffer: arrivals,
        callback: (bytes, buffer) => {
          this.#arrived(buffer as Buffer, bytes)
          return !this.#atPleasure
        },
      },
    })
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n${protocol}${offer}\r\n`,
    )
    this.#socket.on('error', (error) => this.#end(error.message))
    this.#socket.on('close', () => this.#end('the server closed the connection'))
  }

  send(text: string): void {
    this.#write(TEXT, Buffer.from(text))
  }

  /** Several frames in one segment, where the kernel allows. */
  cork(run: () => void): void {
    this.#socket.cork()
    run()
    this.#socket.uncork()
  }

  /** From now on what arrives waits in the kernel for the next `read`. */
  readAtPleasure(): void {
    this.#atPleasure = true
  }

  /** Once, what is there or is the next to come. */
  read(): void {
    if (!this.#closing) this.#socket.resume()
  }

  /** Cuts the connection. */
  close(): void {
    this.#closing = true
    this.#socket.destroy()
  }

  #end(problem: string): void {
    if (this.#open || !this.#closing) this.#receiver.closed(this.#closing ? '' : problem)
    this.#open = false
    this.#closing = true
  }

  #arrived(memory: Buffer, bytes: number): void {
    let buffer = memory
    let end = bytes
    if (this.#rest !== undefined) {
      buffer = Buffer.concat([this.#rest, memory.subarray(0, bytes)])
      end = buffer.length
      this.#rest = undefined
    }
    const at = this.#readAll(buffer, end)
    if (at < end) this.#rest = Buffer.from(buffer.subarray(at, end))
  }

  /** Returns where the first incomplete thing starts. */
  #readAll(buffer: Buffer, end: number): number {
    let at = 0
    if (!this.#open) {
      const head = buffer.subarray(0, end).indexOf(END_OF_HEAD)
      if (head === -1) return 0
      const status = buffer.toString('latin1', 0, buffer.indexOf('\r\n'))
      if (!status.startsWith('HTTP/1.1 101')) {
        this.#end(`the upgrade was answered with ${status}`)
        this.#socket.destroy()
        return end
      }
      at = head + END_OF_HEAD.length
      this.#open = true
      this.#receiver.opened()
    }
    while (at + 2 <= end) {
      const first = buffer[at] as number
      let length = (buffer[at + 1] as number) & 0x7f
      let start = at + 2
      if (length === LENGTH_16) {
        if (start + 2 > end) break
        length = buffer.readUInt16BE(start)
        start += 2
      } else if (length === LENGTH_64) {
        if (start + 8 > end) break
        length = Number(buffer.readBigUInt64BE(start))
        start += 8
      }
      if (start + length > end) break
      at = start + length
      const opcode = first & 0x0f
      if (opcode < OPCODE_CLOSE) this.#receiver.received(buffer, start, at)
      else if (opcode === OPCODE_PING) this.#write(PONG, buffer.subarray(start, at))
      else if (opcode === OPCODE_CLOSE) {
        const code =
          length < 2 ? 'no code' : `${buffer.readUInt16BE(start)} ${buffer.toString('utf8', start + 2, at)}`
        this.#end(`the server closed the WebSocket: ${code}`)
      }
    }
    return at
  }

  /** The mask is zero, so that the payload goes out as it is: a server unmasks it all the same. */
  #write(first: number, data: Buffer): void {
    const long = data.length >= LENGTH_16
    const frame = Buffer.alloc(data.length + (long ? 8 : 6))
    frame[0] = first
    if (long) {
      frame[1] = MASKED | LENGTH_16
      frame.writeUInt16BE(data.length, 2)
    } else frame[1] = MASKED | data.length
    data.copy(frame, frame.length - data.length)
    this.#socket.write(frame)
  }
}
