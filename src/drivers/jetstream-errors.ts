/**
 * What JetStream refuses, in our words.
 */
import { JetStreamApiError, JetStreamError } from '@nats-io/jetstream'
import { errors } from '@nats-io/transport-node'
import type { Lack } from './stream-trouble.ts'
import { SluiceError } from '../errors.ts'

/** JetStream cannot do it now, and what it lacks is known. */
export class JetStreamLacks extends SluiceError {
  readonly lack: Lack

  constructor(lack: Lack, message: string) {
    super('unavailable', message)
    this.lack = lack
  }
}

/** The client does not export the class. */
const NOT_ENABLED = 'JetStreamNotEnabled'
/** The client has no names for these. */
const MESSAGE_TOO_LARGE = 10_054
const ABSENT: ReadonlySet<number> = new Set([
  // Not enabled: at all, or for the account.
  10_076, 10_039,
])
const WITHOUT_RESOURCES: ReadonlySet<number> = new Set([
  // Of the account, of the server, its memory, its storage; and what a file system refuses.
  10_002, 10_023, 10_028, 10_047, 10_077,
])
const RESTART = 'and a server that has disabled JetStream for it does so until it is restarted'

export function asOurs(error: unknown): Error {
  if (error instanceof SluiceError) return error
  if (error instanceof errors.InvalidArgumentError) {
    return new SluiceError('limit_exceeded', 'a message is larger than the NATS server takes (max_payload)')
  }
  if (error instanceof errors.TimeoutError) {
    return new JetStreamLacks(
      'silent',
      'JetStream does not answer, although NATS does: the way to the server that leads the stream is cut, or that server hangs (2.9 does when its disk is full, until it is restarted)',
    )
  }
  if (error instanceof Error && error.name === NOT_ENABLED) return absent()
  if (error instanceof JetStreamApiError) return refusal(error)
  if (error instanceof JetStreamError) {
    return new SluiceError('unavailable', `JetStream refuses: ${error.message}`)
  }
  if (error instanceof TypeError || error instanceof RangeError) return error
  return new SluiceError('unavailable', 'JetStream cannot be reached now', { cause: error })
}

/** The server at which a stream or a reader is does not hear what was asked of it: not yet, or not any more. */
export function isNobodyThere(error: unknown): boolean {
  return error instanceof Error && (error.name === NOT_ENABLED || error.message === 'no responders')
}

function refusal({ code, message }: JetStreamApiError): SluiceError {
  if (code === MESSAGE_TOO_LARGE) {
    return new SluiceError('limit_exceeded', 'a message is larger than the JetStream stream takes')
  }
  if (ABSENT.has(code)) return absent()
  if (!WITHOUT_RESOURCES.has(code)) return new SluiceError('unavailable', `JetStream refuses: ${message}`)
  // What comes before the last colon is a path on the server.
  const words = message.slice(message.lastIndexOf(':') + 1).trim()
  return new JetStreamLacks(
    'resources',
    `JetStream out of resources (${words}): it stores nothing more until it has room, ${RESTART}; free its disk, raise max_file or max_mem of its servers, or lower durable.maxAge or durable.maxBytes`,
  )
}

function absent(): JetStreamLacks {
  return new JetStreamLacks(
    'absent',
    `JetStream is not there: it is not enabled or has no stream yet, or it was out of resources, such as disk, ${RESTART}`,
  )
}
