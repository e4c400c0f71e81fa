/**
 * A publish by a client, where its token and the channel's namespace allow it. Between the check and what is done nothing is
 * waited for; what has been published stays published, whatever becomes of the client meanwhile.
 */
import type { Identity, SessionPorts } from './ports.ts'
import { takePublish } from './user-limits.ts'
import { SluiceError } from '../errors.ts'
import { INBOX } from '../protocol/channel.ts'
import type { DecodedPublish } from '../protocol/decode.ts'
import type { ServerFrame } from '../protocol/frames.ts'

export type ClientPublishPorts = Pick<
  SessionPorts,
  'policyOf' | 'publish' | 'forward' | 'quotas' | 'metrics' | 'clock'
>

export async function publishFor(
  { user, permissions }: Identity,
  { ref, channel, payload, id }: DecodedPublish,
  ports: ClientPublishPorts,
): Promise<ServerFrame> {
  if (channel === INBOX) throw new SluiceError('forbidden', 'clients do not publish to inboxes')
  if (!permissions.mayPublish(channel)) {
    throw new SluiceError('forbidden', `the token does not allow to publish to ${channel}`)
  }
  const { clientPublish } = ports.policyOf(channel)
  if (clientPublish === 'deny') {
    throw new SluiceError(
      'forbidden',
      `clients do not publish to ${channel}: its namespace has clientPublish deny`,
    )
  }
  takePublish(ports, user)
  const { epoch, offset, duplicate } =
    clientPublish === 'fanout'
      ? await ports.publish(user, channel, payload, id)
      : await ports.forward(user, channel, payload, id)
  return {
    type: 'published',
    ref,
    ...(epoch === undefined || offset === undefined ? {} : { epoch, offset }),
    ...(duplicate === undefined ? {} : { duplicate }),
  }
}
