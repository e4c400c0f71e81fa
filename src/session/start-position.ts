/**
 * Where a user starts on a channel of which messages are acknowledged: what is not acknowledged is delivered again.
 */
import { SluiceError } from '../errors.ts'
import type { AckPort, ClientPublish, HookPort } from './ports.ts'
import type { Subscriber } from '../hub/subscriber.ts'
import type { Hub } from '../hub/hub.ts'
import type { Opened } from '../hub/opened.ts'
import type { Answer } from '../answer.ts'
import type { From, Position } from '../protocol/position.ts'

export interface UnacknowledgedPorts {
  readonly hub: Hub
  readonly acks: AckPort
  readonly hooks: HookPort
  readonly policyOf: (channel: string) => Pick<ClientPublish, 'acknowledged' | 'max'>
}

/**
 * As `hub.open`, with the place after the last acknowledgement where none is given. Who has acknowledged nothing gets
 * all that is kept, as far as the namespace's `max` goes. `isStanding`: a backend has put him on it, so none is asked. Fails with `unavailable`, and with `forbidden` where a backend does not allow it.
 */
export function openChannel(
  { hub, acks, hooks, policyOf }: UnacknowledgedPorts,
  user: string,
  channel: string,
  from: From | undefined,
  subscriber: Subscriber,
  isStanding = false,
): Answer<Opened> {
  const open = (): Answer<Opened> => {
    const { acknowledged, max } = policyOf(channel)
    if (from !== undefined || !acknowledged) return hub.open(channel, from, subscriber)
    return acks.acked(user, channel).then((acked) => hub.open(channel, acked ?? { last: max }, subscriber))
  }
  const asked = isStanding ? undefined : hooks.maySubscribe(user, channel)
  return asked === undefined ? open() : asked.then(open)
}

/** Whether a user may say that he has everything up to there; answers where the channel is. Fails with `bad_request`. */
export function checkAck(
  channel: string,
  offset: number,
  acknowledged: boolean,
  position: Position | undefined,
): Position {
  const refuse = (why: string): SluiceError => new SluiceError('bad_request', `ack: ${why}`)
  if (!acknowledged) throw refuse(`messages of ${channel} are not acknowledged`)
  if (position === undefined) throw refuse(`${channel} is not subscribed to`)
  if (offset > position.offset)
    throw refuse(`${offset} is after the last message, which is ${position.offset}`)
  return position
}
