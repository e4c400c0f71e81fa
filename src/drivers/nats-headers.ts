/**
 * The headers of a message, as the client has them and as we do.
 */
import { headers as newHeaders, type MsgHdrs } from '@nats-io/transport-node'
import type { NatsHeaders } from './nats-port.ts'

export function asClientHeaders(ours: NatsHeaders): MsgHdrs {
  const theirs = newHeaders()
  for (const [name, value] of Object.entries(ours)) theirs.set(name, value)
  return theirs
}

export function fromClientHeaders(theirs: MsgHdrs): NatsHeaders {
  return Object.fromEntries(theirs.keys().map((name) => [name, theirs.get(name)]))
}
