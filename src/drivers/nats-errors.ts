/**
 * What goes wrong between us and NATS, as errors of ours.
 */
import { errors } from '@nats-io/transport-node'
import { SluiceError, type Wall } from '../errors.ts'

export function away(): SluiceError {
  return new SluiceError('unavailable', 'NATS cannot be reached now')
}

export function closed(): SluiceError {
  return new SluiceError('unavailable', 'the link to NATS has been closed')
}

export function tooLarge(bytes: number, maxBytes: number): SluiceError {
  const allowed = `the NATS server takes ${maxBytes} (max_payload)`
  return new SluiceError('limit_exceeded', `a message has ${bytes} bytes; ${allowed}`)
}

export function asOurs(error: unknown): Error {
  if (error instanceof SluiceError) return error
  if (error instanceof errors.InvalidSubjectError) return new Error(`not a NATS subject: ${error.message}`)
  if (error instanceof errors.InvalidArgumentError) {
    return new SluiceError('limit_exceeded', 'a message is larger than the NATS server takes (max_payload)')
  }
  if (
    error instanceof errors.NoRespondersError ||
    (error instanceof errors.RequestError && error.isNoResponders())
  ) {
    return new SluiceError('unavailable', 'nobody is there to answer')
  }
  if (error instanceof errors.TimeoutError) return new SluiceError('unavailable', 'nobody answered in time')
  return new SluiceError('unavailable', 'NATS cannot be reached now', { cause: new Error(textOf(error)) })
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

export function thrownApart(_wall: Wall, fault: unknown): void {
  queueMicrotask(() => {
    throw fault
  })
}
