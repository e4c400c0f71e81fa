/**
 * A publish by a client, where its token and the channel's namespace allow it. Between the check and what is done nothing is
 * waited for; what has been published stays published, whatever becomes of the client meanwhile.
 */
import type { Identity, SessionPorts } from './ports.ts'
import { takePublish } from './user-limits.ts'
import type { Answer } from '../answer.ts'
import { SluiceError } from '../errors.ts'
import type { SeenSession, Tap } from '../observe/witness.ts'
import { INBOX } from '../protocol/channel.ts'
import type { Payload } from '../protocol/message.ts'
import type { Published } from '../publish/publisher.ts'

export interface ClientMessage {
  readonly channel: string
  readonly payload: Payload
  /** For idempotency. */
  readonly id: string | undefined
  /** What the message is. */
  readonly event: string | undefined
  /** A word of one client to the others on the channel, by rules of its dialect: what the namespace denies does not apply. */
  readonly whisper?: Whisper
}

export interface Whisper {
  /** Who says it, where the others know its client by another name than that of its user. */
  readonly as: string | undefined
  /** The session that does not get it. */
  readonly exclude: string
}

export type ClientPublishPorts = Pick<
  SessionPorts,
  'policyOf' | 'publish' | 'forward' | 'quotas' | 'metrics' | 'clock'
>

/** `present` fails where the connection has gone. What is published passes through as few promises as there can be. */
export function publishIn(
  session: SeenSession & { readonly identity: Identity },
  message: ClientMessage,
  present: () => void,
  ports: ClientPublishPorts & Pick<SessionPorts, 'witness'>,
): Promise<Published> {
  try {
    present()
    const publishing = publishFor(session.identity, message, ports)
    const { tap } = ports.witness
    return tap === undefined ? Promise.resolve(publishing) : told(session, publishing, tap)
  } catch (error) {
    return Promise.reject(error as Error)
  }
}

async function told(session: SeenSession, publishing: Answer<Published>, tap: Tap): Promise<Published> {
  const published = await publishing
  const { epoch, offset, duplicate } = published
  tap.told(session, 'published', { epoch, offset, duplicate })
  return published
}

export function publishFor(
  identity: Identity,
  message: ClientMessage,
  ports: ClientPublishPorts,
): Answer<Published> {
  const { user } = identity
  const kind = allowed(identity, message, ports)
  return kind === 'fanout' ? ports.publish(user, message) : ports.forward(user, message)
}

/** What is done with it. Fails where this client does not publish there, or not now. */
function allowed(
  { user, permissions }: Identity,
  { channel, whisper }: ClientMessage,
  ports: ClientPublishPorts,
): 'fanout' | 'forward' {
  try {
    if (channel === INBOX) throw new SluiceError('forbidden', 'clients do not publish to inboxes')
    if (!permissions.mayPublish(channel)) {
      throw new SluiceError('forbidden', `the token does not allow to publish to ${channel}`)
    }
    const { clientPublish } = ports.policyOf(channel)
    if (clientPublish === 'deny' && whisper === undefined) {
      throw new SluiceError(
        'forbidden',
        `clients do not publish to ${channel}: its namespace has clientPublish deny`,
      )
    }
    takePublish(ports, user)
    return clientPublish === 'forward' ? 'forward' : 'fanout'
  } catch (error) {
    if (error instanceof SluiceError) ports.metrics.publishDenied(error, user, channel)
    throw error
  }
}
