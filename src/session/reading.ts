/**
 * What a client reads beside what it is subscribed to: who is in a channel, and what its log has. `check` fails where it may not; it is
 * asked again after each wait.
 */
import { pageOf } from './history.ts'
import type { SessionPorts } from './ports.ts'
import type { Reply } from './replies.ts'
import { SluiceError } from '../errors.ts'
import { INBOX, inboxOf } from '../protocol/channel.ts'
import type { HistoryLines } from '../protocol/encode.ts'
import type { HistoryFrame, PresenceFrame, ServerFrame } from '../protocol/frames.ts'

export type Readable = PresenceFrame | HistoryFrame

export function readFor(
  frame: Readable,
  user: string,
  ports: Pick<SessionPorts, 'policyOf' | 'presence' | 'historyOf'>,
  check: () => void,
): Promise<Reply> {
  return frame.type === 'presence' ? membersFor(frame, ports, check) : historyFor(frame, user, ports, check)
}

async function membersFor(
  { ref, channel }: PresenceFrame,
  ports: Pick<SessionPorts, 'policyOf' | 'presence'>,
  check: () => void,
): Promise<ServerFrame> {
  if (channel === INBOX || !ports.policyOf(channel).presence) {
    throw new SluiceError('bad_request', `presence: the namespace of ${channel} does not keep presence`)
  }
  check()
  const users = await ports.presence.members(channel)
  check()
  return { type: 'presence', ref, channel, users }
}

async function historyFor(
  frame: HistoryFrame,
  user: string,
  ports: Pick<SessionPorts, 'historyOf'>,
  check: () => void,
): Promise<HistoryLines> {
  check()
  const { channel } = frame
  const log = ports.historyOf(channel === INBOX ? inboxOf(user) : channel)
  const page = await pageOf(frame, log)
  check()
  return page
}
