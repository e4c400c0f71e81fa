/**
 * Where a user starts on a channel of which messages are acknowledged: what is not acknowledged is delivered again.
 */
import type { AckPort, ClientPublish } from './ports.ts'
import type { Outlet } from '../hub/outlet.ts'
import type { Hub, Opened } from '../hub/hub.ts'
import type { From } from '../protocol/frames.ts'

export interface UnacknowledgedPorts {
  readonly hub: Hub
  readonly acks: AckPort
  readonly policyOf: (channel: string) => Pick<ClientPublish, 'acknowledged' | 'max'>
}

/**
 * As `hub.open`, with the place after the last acknowledgement where none is given. Who has acknowledged nothing gets
 * all that is kept, as far as the namespace's `max` goes. Fails with `unavailable`.
 */
export async function openChannel(
  { hub, acks, policyOf }: UnacknowledgedPorts,
  user: string,
  channel: string,
  from: From | undefined,
  outlet: Outlet,
): Promise<Opened> {
  const { acknowledged, max } = policyOf(channel)
  if (from !== undefined || !acknowledged) return hub.open(channel, from, outlet)
  const acked = await acks.acked(user, channel)
  return hub.open(channel, acked ?? { last: max }, outlet)
}

/** Where a subscription starts, as the fields of a frame; none on an ephemeral channel. */
export function positionOf({ start }: Opened): { epoch: string; offset: number } | Record<string, never> {
  return start === undefined ? {} : { epoch: start.epoch, offset: start.offset }
}
