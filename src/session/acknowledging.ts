/**
 * That a client has everything of a channel up to a place, so that it needs not be sent again.
 */
import type { SessionPorts } from './ports.ts'
import type { Session } from './session.ts'
import { checkAck } from './start-position.ts'
import { INBOX, inboxOf } from '../protocol/channel.ts'

export function acknowledge(session: Session, channel: string, offset: number, ports: SessionPorts): void {
  const { acks, metrics, witness } = ports
  const name = channel === INBOX ? inboxOf(session.user) : channel
  const subscription = session.subscriptionOf(channel)
  const position = checkAck(channel, offset, ports.policyOf(name).acknowledged, subscription?.position)
  witness.tap?.acknowledged(session, channel, offset)
  // The position of a channel without messages: there is nothing to remember.
  if (subscription === undefined || offset === 0) return
  acks.ack(session.user, name, position.epoch, offset)
  metrics.acknowledged(subscription.acknowledge(offset))
}
