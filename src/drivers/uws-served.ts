/** What serves the sockets of a listener, and how a topic is published to all of them but one. */
import type { Native } from './uws-binary.ts'

/** What serves the connections of one certificate; the library takes one for good. */
export interface Served {
  readonly app: Native.TemplatedApp
  /** Its WebSockets. */
  sockets: number
}

/** What a socket has with it. */
export interface Owned<Connection> {
  connection: Connection
  /** Only with certificates there may be several, and only then a socket knows its own. */
  served?: Served
}

/** A socket that is to be left out. */
export interface TopicMember {
  publish(topic: string, message: Uint8Array, binary: boolean): unknown
}

export function own<Connection>(
  data: Owned<Connection>,
  connection: Connection,
  served: Served | undefined,
): void {
  data.connection = connection
  if (served !== undefined) data.served = served
}

/** What a socket publishes goes to all others of its own app. The first of `all` is the one of today. */
export function publishAround(
  except: TopicMember,
  all: readonly Served[],
  {
    topic,
    message,
    binary,
  }: { readonly topic: string; readonly message: Uint8Array; readonly binary: boolean },
): void {
  const { served } = (except as unknown as { getUserData(): Owned<unknown> }).getUserData()
  for (const one of all) {
    if (one === (served ?? all[0])) except.publish(topic, message, binary)
    else if (one.sockets > 0) one.app.publish(topic, message, binary)
  }
}
