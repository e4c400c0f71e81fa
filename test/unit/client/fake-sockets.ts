/**
 * WebSockets without a network: the test is the gateway, and says what happens on each of them.
 */
import { joinBinary, splitBinary } from '../../../src/protocol/binary.ts'
import type { ServerFrame, WelcomeFrame } from '../../../src/dialect/sluice-v1/frames.ts'
import type { WebSocketConstructor, WebSocketLike, Wire } from '../../../src/client/socket.ts'

export type Sent = Readonly<Record<string, unknown>> & { readonly type: string; readonly ref?: number }

type Listener = ((event: never) => void) | null

export class FakeSocket implements WebSocketLike {
  binaryType = 'blob'
  onopen: Listener = null
  onmessage: Listener = null
  onerror: Listener = null
  onclose: Listener = null
  readonly url: string
  readonly protocol: string
  readonly sent: Sent[] = []
  /** Called with each frame that the client sends, where a test wants to answer by a program. */
  onSent: ((frame: Sent) => void) | undefined
  state: 'connecting' | 'open' | 'closed' = 'connecting'
  /** With what code the client closed. */
  closedByClient: number | undefined

  constructor(url: string, protocol: string) {
    this.url = url
    this.protocol = protocol
  }

  send(data: Wire): void {
    if (this.state === 'connecting') throw new Error('InvalidStateError: still connecting')
    if (this.state === 'closed') return
    let frame: Sent
    if (typeof data === 'string') frame = JSON.parse(data) as Sent
    else {
      const { envelope, payload } = splitBinary(data)
      frame = { ...(JSON.parse(envelope) as Sent), data: payload }
    }
    this.sent.push(frame)
    this.onSent?.(frame)
  }

  close(code?: number): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.closedByClient = code
  }

  // What the test does

  open(): void {
    this.state = 'open'
    this.#call(this.onopen, {})
  }

  receive(frame: ServerFrame): void {
    this.receiveData(JSON.stringify(frame))
  }

  /** A binary message. */
  receiveBytes(envelope: object, payload: Uint8Array): void {
    const { buffer } = joinBinary(JSON.stringify(envelope), payload)
    this.receiveData(buffer)
  }

  receiveData(data: unknown): void {
    // A client that has closed may still be brought what was on its way; what it does with that is its own affair.
    this.#call(this.onmessage, { data })
  }

  /** The gateway closes, or the network does (1006). */
  end(code: number, reason = ''): void {
    this.state = 'closed'
    this.#call(this.onclose, { code, reason })
  }

  /** Opens, and answers `connect`. */
  welcome(more: Partial<WelcomeFrame> = {}): void {
    if (this.state === 'connecting') this.open()
    this.receive({
      type: 'welcome',
      session: 'session-1',
      user: 'alice',
      node: 'node-1',
      resumed: false,
      channels: { '@inbox': { epoch: 'i', offset: 0, recovered: false } },
      pingInterval: 25_000,
      ...more,
    })
  }

  /** The only frame of a type that was sent, or the newest one. */
  last(type: string): Sent {
    const found = this.sent.filter((frame) => frame.type === type).at(-1)
    if (found === undefined) throw new Error(`no ${type} was sent, but ${JSON.stringify(this.sent)}`)
    return found
  }

  types(): string[] {
    return this.sent.map(({ type }) => type)
  }

  /** Answers the newest request of a type. */
  answer(
    type: string,
    reply: Readonly<Record<string, unknown>> & { readonly type: ServerFrame['type'] },
  ): void {
    const { ref, channel } = this.last(type)
    this.receive({ ref, channel, ...reply } as unknown as ServerFrame)
  }

  #call(listener: Listener, event: object): void {
    listener?.(event as never)
  }
}

/** Every socket that a client opened, in order. */
export class FakeSockets {
  readonly all: FakeSocket[] = []
  /** Set: the constructor throws it, as a browser does at an address that it does not take. */
  refusal: Error | undefined
  readonly WebSocket: WebSocketConstructor

  constructor() {
    const { all } = this
    const refused = (): Error | undefined => this.refusal
    this.WebSocket = class extends FakeSocket {
      constructor(url: string, protocol: string) {
        const refusal = refused()
        if (refusal !== undefined) throw refusal
        super(url, protocol)
        all.push(this)
      }
    }
  }

  get count(): number {
    return this.all.length
  }

  at(index: number): FakeSocket {
    const socket = this.all.at(index)
    if (socket === undefined) throw new Error(`socket ${index} of ${this.count} was not opened`)
    return socket
  }

  /** The newest. */
  get newest(): FakeSocket {
    return this.at(-1)
  }
}
