/**
 * What JetStream refuses, in our words.
 */
import { JetStreamApiError, JetStreamError } from '@nats-io/jetstream'
import { errors } from '@nats-io/transport-node'
import { SluiceError } from '../errors.ts'

/** The client does not export the class. */
const NOT_ENABLED = 'JetStreamNotEnabled'
/** The client has no name for it. */
const MESSAGE_TOO_LARGE = 10_054

export function asOurs(error: unknown): Error {
  if (error instanceof SluiceError) return error
  if (error instanceof errors.InvalidArgumentError) {
    return new SluiceError('limit_exceeded', 'a message is larger than the NATS server takes (max_payload)')
  }
  if (error instanceof errors.TimeoutError) {
    return new SluiceError('unavailable', 'JetStream did not answer in time')
  }
  if (error instanceof Error && error.name === NOT_ENABLED) {
    return new SluiceError(
      'unavailable',
      'no JetStream stream takes this: it is not enabled, or not created yet',
    )
  }
  if (error instanceof JetStreamApiError && error.code === MESSAGE_TOO_LARGE) {
    return new SluiceError('limit_exceeded', 'a message is larger than the JetStream stream takes')
  }
  if (error instanceof JetStreamApiError || error instanceof JetStreamError) {
    return new SluiceError('unavailable', `JetStream refuses: ${error.message}`)
  }
  if (error instanceof TypeError || error instanceof RangeError) return error
  return new SluiceError('unavailable', 'JetStream cannot be reached now', { cause: error })
}

/** The server at which a stream or a reader is does not hear what was asked of it: not yet, or not any more. */
export function isNobodyThere(error: unknown): boolean {
  return error instanceof Error && (error.name === NOT_ENABLED || error.message === 'no responders')
}
