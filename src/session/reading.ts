/**
 * What a client reads beside what it is subscribed to: who is in a channel, and what its log has. `present` fails where nobody is there
 * any more; it is asked again after each wait, and so is what the token allows.
 */
import { pageOf, type LogPage, type Measured, type Wanted } from './history.ts'
import { checkMayReadHistory, checkMaySubscribe } from './permitted.ts'
import type { Identity, SessionPorts } from './ports.ts'
import { SluiceError } from '../errors.ts'
import type { Members } from '../presence/info.ts'
import { INBOX, inboxOf } from '../protocol/channel.ts'

export async function membersOf(
  channel: string,
  present: () => Identity,
  ports: Pick<SessionPorts, 'policyOf' | 'presence'>,
): Promise<Members> {
  const reader = present()
  checkKeepsPresence(channel, ports)
  checkMaySubscribe(channel, reader)
  const users = await ports.presence.members(channel)
  checkMaySubscribe(channel, present())
  return users
}

export function checkKeepsPresence(channel: string, { policyOf }: Pick<SessionPorts, 'policyOf'>): void {
  if (channel === INBOX || !policyOf(channel).presence)
    throw new SluiceError('bad_request', `presence: the namespace of ${channel} does not keep presence`)
}

export async function historyOf<Line extends Measured>(
  channel: string,
  wanted: Wanted<Line>,
  present: () => Identity,
  ports: Pick<SessionPorts, 'historyOf'>,
): Promise<LogPage<Line>> {
  const reader = present()
  checkMayReadHistory(channel, reader)
  const log = ports.historyOf(channel === INBOX ? inboxOf(reader.user) : channel)
  const page = await pageOf(channel, wanted, log)
  checkMayReadHistory(channel, present())
  return page
}
