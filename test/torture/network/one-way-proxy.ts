/**
 * A TCP proxy that can be cut one way: what comes from that side is held, and with it the news that the side has closed. Nobody is
 * told anything, as by a network that swallows packets; when it heals, what was held goes on, as TCP would send it again.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** One direction, shared by all connections that go that way. */
export class Gate {
  #closed = false
  #delayMs = 0
  #jitterMs = 0
  readonly #flows = new Set<Flow>()
  readonly #chance: () => number

  constructor(chance: () => number) {
    this.#chance = chance
  }

  get closed(): boolean {
    return this.#closed
  }

  set(closed: boolean, delayMs: number, jitterMs: number): void {
    this.#closed = closed
    this.#delayMs = delayMs
    this.#jitterMs = jitterMs
    for (const flow of this.#flows) flow.move()
  }

  /** For how long what comes now is on its way. */
  travelMs(): number {
    return this.#delayMs === 0 ? 0 : Math.max(0, this.#delayMs + (this.#chance() * 2 - 1) * this.#jitterMs)
  }

  add(flow: Flow): void {
    this.#flows.add(flow)
  }

  remove(flow: Flow): void {
    this.#flows.delete(flow)
  }
}

/** From one socket to another, in order. */
class Flow {
  readonly #source: Socket
  readonly #sink: Socket
  readonly #gate: Gate
  readonly #held: { readonly chunk: Buffer; readonly dueMs: number }[] = []
  #timer: NodeJS.Timeout | undefined
  #over = false

  constructor(source: Socket, sink: Socket, gate: Gate) {
    this.#source = source
    this.#sink = sink
    this.#gate = gate
    gate.add(this)
    source.on('data', (chunk: Buffer) => {
      this.#held.push({ chunk, dueMs: performance.now() + gate.travelMs() })
      this.move()
    })
    source.on('close', () => {
      this.#over = true
      this.move()
    })
    sink.on('drain', () => this.move())
    sink.on('close', () => {
      clearTimeout(this.#timer)
      gate.remove(this)
    })
  }

  move(): void {
    clearTimeout(this.#timer)
    if (this.#gate.closed) {
      this.#source.pause()
      return
    }
    for (let next = this.#held[0]; next !== undefined; next = this.#held[0]) {
      const leftMs = next.dueMs - performance.now()
      if (leftMs > 0) {
        this.#timer = setTimeout(() => this.move(), leftMs)
        return
      }
      if (this.#sink.writableNeedDrain) {
        this.#source.pause()
        return
      }
      this.#held.shift()
      this.#sink.write(next.chunk)
    }
    if (this.#over) this.#sink.destroy()
    else this.#source.resume()
  }
}

interface End {
  readonly host: string
  readonly port: number
}

export class OneWayProxy {
  readonly #server: Server
  readonly #target: End
  readonly #there: Gate
  readonly #back: Gate
  readonly #sockets = new Set<Socket>()

  constructor(target: End, there: Gate, back: Gate) {
    this.#target = target
    this.#there = there
    this.#back = back
    this.#server = createServer({ allowHalfOpen: false }, (client) => this.#join(client))
  }

  listen(at: End): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(at.port, at.host, resolve)
    })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  #join(client: Socket): void {
    const upstream = connect(this.#target)
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket)
      // It closes after that, which is what the other side hears of.
      socket.on('error', () => undefined)
      socket.on('close', () => this.#sockets.delete(socket))
    }
    void new Flow(client, upstream, this.#there)
    void new Flow(upstream, client, this.#back)
  }
}
