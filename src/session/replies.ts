/**
 * How a request of a client is answered: with its reply, or with its error. Never fails.
 */
import type { Connection } from './connection.ts'
import type { SessionPorts } from './ports.ts'
import { asSluiceError } from '../errors.ts'
import type { HistoryLines } from '../protocol/encode.ts'
import type { ServerFrame } from '../protocol/frames.ts'

/** The client has left: nobody is there to be told anything. */
export class ConnectionGone extends Error {}

export type Reply = ServerFrame | HistoryLines

export type ReplyPorts = Pick<SessionPorts, 'metrics' | 'failed'>

/** `undefined`: the answer has been sent, or nobody is there to read it. */
export async function answer(
  connection: Connection,
  ports: ReplyPorts,
  ref: number,
  reply: Promise<Reply | undefined>,
): Promise<void> {
  try {
    const frame = await reply
    if (frame !== undefined) connection.send(frame)
  } catch (error) {
    if (!(error instanceof ConnectionGone)) refuse(connection, ports, ref, error)
  }
}

export function refuse(
  connection: Connection,
  ports: ReplyPorts,
  ref: number | undefined,
  thrown: unknown,
): void {
  const error = asSluiceError(thrown)
  if (error.code === 'internal') ports.failed('a request of a client', thrown)
  ports.metrics.errorSent(error.code)
  const { code, message, retryable } = error
  connection.send({ type: 'error', ...(ref === undefined ? {} : { ref }), code, message, retryable })
}
