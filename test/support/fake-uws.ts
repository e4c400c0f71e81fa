import type { NativeSocket } from '../../src/drivers/uws.ts'
import type { TopicMember } from '../../src/hub/subscriber.ts'
import type { Topics } from '../../src/hub/topics.ts'

/** What a connection is told by its socket. */
export interface SocketEvents {
  dropped(message: ArrayBuffer): void
  drained(): void
  gone(code: number): void
}

const BATCH_MAX = 32

/**
 * uWebSockets.js as far as slow readers and topics go: what is published in a turn is gathered per socket and
 * flushed at its end, or when 32 messages have gathered; over the limit one message is reported as dropped and the
 * rest of its batch is gone without a word; a send flushes what was gathered first.
 */
export class FakeUws implements Topics {
  readonly #topics = new Map<string, Set<FakeSocket>>()
  readonly sockets = new Set<FakeSocket>()

  /** How often something was handed to a topic. */
  published = 0

  publish(topic: string, message: Uint8Array, binary: boolean, except?: TopicMember): void {
    this.published++
    for (const socket of this.#topics.get(topic) ?? [])
      if (socket !== except) socket.gather({ data: Buffer.from(message), binary })
  }

  /** The end of a turn of the loop. */
  flush(): void {
    for (const socket of this.sockets) socket.flush()
  }

  forget(socket: FakeSocket): void {
    this.sockets.delete(socket)
    for (const members of this.#topics.values()) members.delete(socket)
  }

  /** Of all sockets in all topics. */
  get memberships(): number {
    return [...this.#topics.values()].reduce((sum, members) => sum + members.size, 0)
  }

  members(topic: string): Set<FakeSocket> {
    let members = this.#topics.get(topic)
    if (members === undefined) {
      members = new Set()
      this.#topics.set(topic, members)
    }
    return members
  }
}

interface Frame {
  readonly data: Buffer
  readonly binary: boolean
}

export class FakeSocket implements NativeSocket {
  readonly #uws: FakeUws
  readonly #limitBytes: number
  readonly #events: SocketEvents
  #gathered: Frame[] = []
  #buffer: Frame[] = []
  #bufferedBytes = 0
  #closed = false

  constructor(uws: FakeUws, limitBytes: number, events: SocketEvents) {
    this.#uws = uws
    this.#limitBytes = limitBytes
    this.#events = events
    uws.sockets.add(this)
  }

  get closed(): boolean {
    return this.#closed
  }

  gather(frame: Frame): void {
    if (this.#gathered.length === BATCH_MAX) this.flush()
    this.#gathered.push(frame)
  }

  flush(): void {
    const gathered = this.#gathered
    this.#gathered = []
    for (const frame of gathered) if (!this.#accept(frame)) return
  }

  /** The client reads up to `count` frames. */
  read(count: number): Frame[] {
    const frames = this.#buffer.splice(0, count)
    const before = this.#bufferedBytes
    for (const { data } of frames) this.#bufferedBytes -= data.length
    if (before > 0 && this.#bufferedBytes === 0 && !this.#closed) this.#events.drained()
    return frames
  }

  send(message: Uint8Array | string, binary: boolean): number {
    this.#check()
    this.flush()
    return this.#accept({ data: Buffer.from(message as string), binary }) ? 1 : 2
  }

  subscribe(topic: string): boolean {
    this.#check()
    this.#uws.members(topic).add(this)
    return true
  }

  unsubscribe(topic: string): boolean {
    this.#check()
    this.flush()
    return this.#uws.members(topic).delete(this)
  }

  getBufferedAmount(): number {
    this.#check()
    return this.#bufferedBytes
  }

  end(code: number): void {
    this.#check()
    this.flush()
    this.cut(code)
  }

  close(): void {
    this.cut(1006)
  }

  publish(topic: string, message: Uint8Array, binary: boolean): boolean {
    this.#uws.publish(topic, message, binary, this)
    return true
  }

  /** The connection ends; what the client has not read is lost with it where the code is 1006. */
  cut(code: number): void {
    if (this.#closed) return
    this.#closed = true
    this.#uws.forget(this)
    if (code === 1006) this.#buffer = []
    this.#events.gone(code)
  }

  cork(run: () => void): void {
    run()
  }

  #accept(frame: Frame): boolean {
    if (this.#bufferedBytes > this.#limitBytes) {
      this.#events.dropped(new Uint8Array(frame.data).buffer)
      return false
    }
    this.#buffer.push(frame)
    this.#bufferedBytes += frame.data.length
    return true
  }

  #check(): void {
    if (this.#closed) throw new Error('Invalid access of closed uWS.WebSocket')
  }
}
