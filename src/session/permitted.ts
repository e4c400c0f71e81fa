/**
 * What a token allows a client on a channel, and what he is told where it does not. The inbox is its owner's, whatever the token says.
 */
import type { Identity } from './ports.ts'
import { SluiceError } from '../errors.ts'
import { INBOX } from '../protocol/channel.ts'

export function checkMaySubscribe(channel: string, { permissions }: Identity): void {
  if (channel !== INBOX && !permissions.maySubscribe(channel))
    throw new SluiceError('forbidden', `the token does not allow to subscribe to ${channel}`)
}

export function checkMayReadHistory(channel: string, { permissions }: Identity): void {
  if (channel !== INBOX && !permissions.mayReadHistory(channel))
    throw new SluiceError('forbidden', `the token does not allow to read the history of ${channel}`)
}
