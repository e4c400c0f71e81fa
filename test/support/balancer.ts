import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

export interface Target {
  readonly host: string
  readonly port: number
}

export interface BalancerOptions {
  /** A target that has not answered for so long is taken for one that refuses. Default: as long as the system tries. */
  readonly connectMs?: number
  /** A connection on whose upper side nothing moves for so long is ended, as balancers do. Default: never. */
  readonly idleMs?: number
}

/** A TCP load balancer on loopback: one target after the other, and the next one where a target refuses. */
export class Balancer {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #options: BalancerOptions
  /** Ports of loopback, or hosts with ports. May be changed at any time; connections stay where they are. */
  targets: readonly (number | Target)[]
  #turn = 0

  constructor(targets: readonly (number | Target)[], options: BalancerOptions = {}) {
    this.targets = targets
    this.#options = options
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
    const target = this.targets[this.#turn++ % this.targets.length]
    if (attempts === 0 || target === undefined) {
      client.destroy()
      return
    }
    const { connectMs = 0, idleMs = 0 } = this.#options
    const upstream = connect(typeof target === 'number' ? { host: '127.0.0.1', port: target } : target)
    this.#keep(upstream)
    const refused = (): void => this.#reach(client, attempts - 1)
    const silent = (): void => void upstream.destroy(new Error('the target does not answer'))
    upstream.setTimeout(connectMs, silent)
    upstream.once('error', refused)
    upstream.once('connect', () => {
      upstream.off('error', refused)
      upstream.setTimeout(idleMs, silent)
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
