/** A TCP connection on which each byte is sent by hand, and what comes back is taken apart. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Answer {
  readonly status: number
  /** By name in small letters; lines of one name joined by commas. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

export interface Frame {
  readonly opcode: number
  readonly payload: Buffer
}

/** How the node ended it. */
export type End = 'fin' | 'reset'

export class WireSocket {
  readonly #port: number
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  #end: End | undefined
  #wake: () => void = () => undefined
  /** On which it is asked whether the node has read what was sent here. */
  #beside: WireSocket | undefined

  private constructor(port: number, socket: Socket) {
    this.#port = port
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    socket.on('end', () => this.#ended('fin'))
    socket.on('error', () => this.#ended('reset'))
    socket.on('close', () => this.#ended('reset'))
  }

  static async open(port: number): Promise<WireSocket> {
    // Half-open: the end of our side is sent when a case says so.
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    await once(socket, 'connect')
    return new WireSocket(port, socket)
  }

  get end(): End | undefined {
    return this.#end
  }

  write(bytes: string | Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** Each piece has been read by the node before the next one is sent, so that none of them comes together. */
  async pieces(pieces: readonly (string | Uint8Array)[]): Promise<void> {
    for (const piece of pieces) {
      this.write(piece)
      await this.readByNode()
    }
  }

  /** The node looks at its connections in the order in which something came, so what is answered later was read later. */
  async readByNode(): Promise<void> {
    if (this.#beside === undefined || this.#beside.end !== undefined) {
      this.#beside = await WireSocket.open(this.#port)
    }
    this.#beside.write('GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n')
    await this.#beside.answer()
  }

  fin(): void {
    this.#socket.end()
  }

  close(): void {
    this.#socket.destroy()
    this.#beside?.close()
  }

  /** The next answer. Fails where the connection ends before it is complete. */
  async answer(toHead = false): Promise<Answer> {
    const head = await this.#take((text) => {
      const at = text.indexOf('\r\n\r\n')
      return at === -1 ? undefined : at + 4
    })
    const [statusLine = '', ...lines] = head.trimEnd().split('\r\n')
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1] ?? Number.NaN)
    const headers = new Map<string, string>()
    for (const line of lines) {
      const [, name = '', value = ''] = /^([^:]+): ?(.*)$/.exec(line) ?? []
      const earlier = headers.get(name.toLowerCase())
      headers.set(name.toLowerCase(), earlier === undefined ? value : `${earlier}, ${value}`)
    }
    const length = Number(headers.get('content-length') ?? 0)
    const body =
      toHead || length === 0 ? '' : await this.#take((text) => (text.length < length ? undefined : length))
    return { status, headers, body }
  }

  /** Whatever comes, until it fits. */
  async until(fits: RegExp): Promise<string> {
    return this.#take((text) => {
      const match = fits.exec(text)
      return match === null ? undefined : match.index + match[0].length
    })
  }

  /** The next WebSocket frame; the node sends none over 64 KiB here. */
  async frame(): Promise<Frame> {
    await this.#until(() => frameLength(this.#received) !== undefined)
    const length = frameLength(this.#received) as number
    const frame = this.#received.subarray(0, length)
    this.#received = this.#received.subarray(length)
    const head = ((frame[1] as number) & 127) === 126 ? 4 : 2
    return { opcode: (frame[0] as number) & 15, payload: frame.subarray(head) }
  }

  /** What was not taken when the node ended the connection. */
  async ending(): Promise<{ readonly end: End; readonly rest: string }> {
    while (this.#end === undefined) await this.#change()
    return { end: this.#end, rest: this.#received.toString('latin1') }
  }

  async #take(lengthOf: (text: string) => number | undefined): Promise<string> {
    const found = (): number | undefined => lengthOf(this.#received.toString('latin1'))
    await this.#until(() => found() !== undefined)
    const length = found() as number
    const text = this.#received.subarray(0, length).toString('latin1')
    this.#received = this.#received.subarray(length)
    return text
  }

  async #until(fulfilled: () => boolean): Promise<void> {
    while (!fulfilled()) {
      if (this.#end !== undefined) {
        throw new Error(`ended by ${this.#end} after ${JSON.stringify(this.#received.toString('latin1'))}`)
      }
      await this.#change()
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #ended(end: End): void {
    this.#end ??= end
    this.#wake()
  }
}

function frameLength(bytes: Buffer): number | undefined {
  if (bytes.length < 2) return undefined
  const short = (bytes[1] as number) & 127
  if (short === 126 && bytes.length < 4) return undefined
  const length = short === 126 ? 4 + bytes.readUInt16BE(2) : 2 + short
  return bytes.length < length ? undefined : length
}

export const HANDSHAKE = [
  'GET /v1/ws HTTP/1.1',
  'Host: x',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: sluice.v1',
  '',
  '',
].join('\r\n')

export interface FrameForm {
  readonly fin?: boolean
  readonly masked?: boolean
  /** Of the first byte: 64, 32, 16. */
  readonly reserved?: number
  /** What the head says, where the payload is another length. */
  readonly length?: number
}

/** A client's frame (RFC 6455, section 5.2). */
export function frameOf(opcode: number, payload: string | Uint8Array, form: FrameForm = {}): Buffer {
  const { fin = true, masked = true, reserved = 0 } = form
  const bytes = Buffer.from(payload)
  const length = form.length ?? bytes.length
  const lengths =
    length < 126
      ? [length]
      : length < 65_536
        ? [126, length >> 8, length & 255]
        : [127, ...eightBytes(length)]
  lengths[0] = (lengths[0] as number) | (masked ? 128 : 0)
  const mask = masked ? [0x1f, 0x2e, 0x3d, 0x4c] : []
  const head = Buffer.from([(fin ? 128 : 0) | reserved | opcode, ...lengths, ...mask])
  return Buffer.concat([
    head,
    masked ? bytes.map((byte, index) => byte ^ (mask[index % 4] as number)) : bytes,
  ])
}

function eightBytes(length: number): number[] {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(length))
  return [...bytes]
}

/** Opens a WebSocket and connects. */
export async function connected(port: number, token: string): Promise<WireSocket> {
  const socket = await WireSocket.open(port)
  socket.write(HANDSHAKE)
  await socket.answer()
  socket.write(frameOf(1, JSON.stringify({ type: 'connect', token })))
  const { payload } = await socket.frame()
  if (!payload.includes('"welcome"')) throw new Error(`expected welcome, got ${payload.toString()}`)
  return socket
}
