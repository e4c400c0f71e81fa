/**
 * What a link listens to, for as long as it is wanted. The client forgets a subscription that the server has refused, also where it comes to
 * another server later, or is allowed it again: so those are asked for again.
 */
import type { Msg, NatsConnection, Subscription as ClientSubscription } from '@nats-io/transport-node'

export interface Wanted {
  readonly subject: string
  readonly queue: string | undefined
  readonly callback: (error: Error | null, message: Msg) => void
  established: ClientSubscription | undefined
}

export class WantedSubscriptions {
  readonly #all = new Set<Wanted>()

  /** `connection` absent: there is none yet. */
  add(wanted: Wanted, connection: NatsConnection | undefined): void {
    this.#all.add(wanted)
    if (connection !== undefined && !connection.isClosed()) establish(connection, wanted)
  }

  /** False: it was not wanted any more. */
  delete(wanted: Wanted): boolean {
    return this.#all.delete(wanted)
  }

  clear(): void {
    this.#all.clear()
  }

  /** On a connection that has none of them yet. */
  establishAll(connection: NatsConnection): void {
    for (const wanted of this.#all) establish(connection, wanted)
  }

  /** Those that the server has refused. */
  askAgain(connection: NatsConnection): void {
    for (const wanted of this.#all) if (wanted.established?.isClosed() === true) establish(connection, wanted)
  }
}

function establish(connection: NatsConnection, wanted: Wanted): void {
  const { subject, queue, callback } = wanted
  wanted.established = connection.subscribe(subject, { callback, ...(queue === undefined ? {} : { queue }) })
}
