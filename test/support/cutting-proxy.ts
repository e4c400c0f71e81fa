import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { PassThrough, type Transform } from 'node:stream'

/** A TCP proxy on loopback whose connections a test can cut, as a lost network does: without a word to either side. */
export class CuttingProxy {
  readonly #targetPort: number
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  cuts = 0
  /** Refuses every connection: the network is away. */
  refusing = false

  readonly #answers: () => Transform

  /** `answers`: made for each connection, what comes from the target goes through it. */
  constructor(targetPort: number, answers: () => Transform = () => new PassThrough()) {
    this.#targetPort = targetPort
    this.#answers = answers
    this.#server = createServer((client) => this.#join(client))
  }

  /** `port` 0: any free one. */
  listen(port = 0): Promise<void> {
    return new Promise((resolve) => this.#server.listen(port, '127.0.0.1', resolve))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get connections(): number {
    return this.#pairs.size
  }

  /** Cuts each connection with this probability. */
  cut(probability: number): void {
    for (const pair of this.#pairs) if (Math.random() < probability) this.#cutPair(pair)
  }

  close(): Promise<void> {
    this.cut(1)
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  #join(client: Socket): void {
    if (this.refusing) {
      client.resetAndDestroy()
      return
    }
    const upstream = connect(this.#targetPort, '127.0.0.1')
    const pair = [client, upstream] as const
    this.#pairs.add(pair)
    client.pipe(upstream)
    upstream.pipe(this.#answers()).pipe(client)
    for (const one of pair) {
      // A cut connection fails on both sides; that is what the test is about.
      one.on('error', () => this.#forget(pair))
      one.on('close', () => this.#forget(pair))
    }
  }

  #cutPair(pair: readonly [Socket, Socket]): void {
    this.cuts++
    for (const socket of pair) socket.resetAndDestroy()
    this.#pairs.delete(pair)
  }

  #forget(pair: readonly [Socket, Socket]): void {
    for (const socket of pair) socket.destroy()
    this.#pairs.delete(pair)
  }
}
