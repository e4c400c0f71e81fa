/** Subscriptions that hold through all reconnects, and past a client that has given up for good. */
import type { Msg, NatsConnection, Subscription as ClientSubscription } from '@nats-io/transport-node'

export interface Wanted {
  readonly subject: string
  readonly queue: string | undefined
  readonly callback: (error: Error | null, message: Msg) => void
  /** At the connection there is now. */
  established: ClientSubscription | undefined
}

export function establish(connection: NatsConnection, wanted: Wanted): void {
  const { subject, queue, callback } = wanted
  wanted.established = connection.subscribe(subject, { callback, ...(queue === undefined ? {} : { queue }) })
}
