/**
 * What is sent to Redis together, at the end of a turn of the event loop: in the order in which it was asked for, and
 * in one system call for each server, where the client would make one for each command.
 */
import { serversOf, type RedisClient } from './redis-clients.ts'

export class RedisTurn {
  readonly #client: RedisClient
  #sends: (() => void)[] = []

  constructor(client: RedisClient) {
    this.#client = client
  }

  /** `send` must not throw. */
  atEnd(send: () => void): void {
    if (this.#sends.push(send) === 1) setImmediate(this.#end)
  }

  /** Not before what is to be sent at the end of this turn; at once where nothing is. */
  behind<T>(send: () => Promise<T>): Promise<T> {
    if (this.#sends.length === 0) return send()
    return new Promise((resolve) => this.atEnd(() => resolve(send())))
  }

  readonly #end = (): void => {
    const sends = this.#sends
    this.#sends = []
    const streams = serversOf(this.#client).map(({ stream }) => stream)
    for (const stream of streams) stream?.cork()
    for (const send of sends) send()
    for (const stream of streams) stream?.uncork()
  }
}
