/**
 * A message as the durable stream sends it on once it is stored: the stored bytes, and where it stands in two headers.
 */
import type { NatsHeaders } from './nats-port.ts'
import type { LoggedMessage } from '../protocol/message.ts'
import { decodeStored } from '../protocol/packet.ts'

const SEQUENCE = 'Nats-Sequence'
/** Of the entry before it with the same subject; 0 where the stream holds none. */
const LAST_SEQUENCE = 'Nats-Last-Sequence'

/**
 * `undefined`: these are not a stored message and its headers. Where the stream has no predecessor, it may have trimmed
 * it, so the offset before the message is given: whoever has less looks into the log.
 */
export function decodeRepublished(
  channel: string,
  stored: Buffer,
  headers: NatsHeaders | undefined,
  epoch: string,
): LoggedMessage | undefined {
  const offset = countOf(headers?.[SEQUENCE])
  const last = countOf(headers?.[LAST_SEQUENCE])
  const message = decodeStored(stored)
  if (message === undefined || offset === undefined || last === undefined || last >= offset) {
    return undefined
  }
  const previous = last === 0 ? offset - 1 : last
  return { kind: 'logged', channel, ...message, epoch, offset, previous, ack: true }
}

function countOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined
  const count = Number(text)
  return Number.isSafeInteger(count) ? count : undefined
}
