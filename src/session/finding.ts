/**
 * Where each channel of a connection starts, all found at the same time. What goes wrong with one is told of that one.
 */
import type { Connection } from './connection.ts'
import type { ChannelResumeResult, Identity, SessionPorts } from './ports.ts'
import { openChannel, positionOf } from './unacknowledged.ts'
import { SluiceError } from '../errors.ts'
import type { Opened } from '../hub/hub.ts'
import { INBOX, inboxOf } from '../protocol/channel.ts'
import type { ErrorCode } from '../protocol/codes.ts'
import type { From, Restored } from '../protocol/frames.ts'

/** A channel that was found its place, or why not. */
export interface Found {
  readonly channel: string
  readonly from: From | undefined
  readonly opened: Opened | undefined
  readonly error: SluiceError | undefined
}

/** The inbox is always among them. Never fails: what went wrong is in the answer. */
export function findAll(
  connection: Connection,
  identity: Identity,
  channels: ReadonlyMap<string, From | undefined>,
  ports: SessionPorts,
): Promise<Found[]> {
  const wanted = new Map(channels)
  if (!wanted.has(INBOX)) wanted.set(INBOX, undefined)
  const failed = (channel: string, from: From | undefined, thrown: unknown): Found => {
    if (thrown instanceof SluiceError) return { channel, from, opened: undefined, error: thrown }
    ports.failed('opening a channel', thrown)
    const error = new SluiceError('internal', 'the channel could not be opened')
    return { channel, from, opened: undefined, error }
  }
  return Promise.all(
    [...wanted].map(([channel, from]) =>
      find(connection, identity, channel, from, ports).then(
        (opened): Found => ({ channel, from, opened, error: undefined }),
        (error: unknown) => failed(channel, from, error),
      ),
    ),
  )
}

async function find(
  connection: Connection,
  identity: Identity,
  channel: string,
  from: From | undefined,
  ports: SessionPorts,
): Promise<Opened> {
  if (channel !== INBOX && !identity.permissions.maySubscribe(channel)) {
    throw new SluiceError('forbidden', `the token does not allow to subscribe to ${channel}`)
  }
  const name = channel === INBOX ? inboxOf(identity.user) : channel
  return openChannel(ports, identity.user, name, from, connection)
}

export function restored({ opened, error }: Found): Restored {
  if (opened === undefined)
    return { recovered: false, error: error?.code ?? ('internal' satisfies ErrorCode) }
  return { ...positionOf(opened), recovered: opened.recovered }
}

export function resultOf({ opened }: Found): ChannelResumeResult {
  if (opened === undefined) return 'refused'
  return opened.recovered ? 'recovered' : 'reset'
}
