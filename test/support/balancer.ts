import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** A TCP load balancer on loopback: one target after the other, and the next one where a target refuses. */
export class Balancer {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Ports. May be changed at any time; connections stay where they are. */
  targets: readonly number[]
  #turn = 0

  constructor(targets: readonly number[]) {
    this.targets = targets
    this.#server = createServer((client) => this.#join(client))
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  #join(client: Socket): void {
    this.#keep(client)
    client.pause()
    this.#reach(client, this.targets.length)
  }

  #reach(client: Socket, attempts: number): void {
    const port = this.targets[this.#turn++ % this.targets.length]
    if (attempts === 0 || port === undefined) {
      client.destroy()
      return
    }
    const upstream = connect(port, '127.0.0.1')
    this.#keep(upstream)
    const refused = (): void => this.#reach(client, attempts - 1)
    upstream.once('error', refused)
    upstream.once('connect', () => {
      upstream.off('error', refused)
      client.pipe(upstream)
      upstream.pipe(client)
      client.once('close', () => upstream.destroy())
      upstream.once('close', () => client.destroy())
    })
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => this.#sockets.delete(socket))
  }
}
