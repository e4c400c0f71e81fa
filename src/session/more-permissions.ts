/**
 * What a client may do beside what is in its token: because its protocol has shown so, and because a backend has put it on a channel.
 * Both outlast each fresh token. Pure.
 */
import type { Identity, Permissions } from './ports.ts'
import { withPermissions } from '../auth/identity.ts'

class MorePermissions implements Permissions {
  readonly token: Permissions
  readonly more: Permissions | undefined
  /** The channels that a backend has put it on. */
  readonly standing: ReadonlySet<string>

  constructor(token: Permissions, more: Permissions | undefined, standing: ReadonlySet<string>) {
    this.token = token
    this.more = more
    this.standing = standing
  }

  maySubscribe(channel: string): boolean {
    return (
      this.token.maySubscribe(channel) ||
      this.more?.maySubscribe(channel) === true ||
      this.standing.has(channel)
    )
  }

  mayPublish(channel: string): boolean {
    return this.token.mayPublish(channel) || this.more?.mayPublish(channel) === true
  }

  mayReadHistory(channel: string): boolean {
    return this.token.mayReadHistory(channel) || this.more?.mayReadHistory(channel) === true
  }
}

const NOTHING: ReadonlySet<string> = new Set()

/** In place of what was allowed more until now. */
export function withMore(identity: Identity, more: Permissions): Identity {
  const { token, standing } = partsOf(identity)
  return made(identity, token, more, standing)
}

/** The same, with one channel more, or less, that a backend has put the client on. */
export function withStanding(identity: Identity, channel: string, on: boolean): Identity {
  const { token, more, standing } = partsOf(identity)
  if (standing.has(channel) === on) return identity
  const changed = new Set(standing)
  if (on) changed.add(channel)
  else changed.delete(channel)
  return made(identity, token, more, changed)
}

/** The same for many that it is put on. */
export function withAllStanding(identity: Identity, channels: ReadonlySet<string>): Identity {
  return [...channels].reduce((former, channel) => withStanding(former, channel, true), identity)
}

export function standingOf(identity: Identity): ReadonlySet<string> {
  return partsOf(identity).standing
}

/** The fresh identity, with what was allowed beside the token of the one before. */
export function carriedOver(former: Identity, fresh: Identity): Identity {
  const { more, standing } = partsOf(former)
  return made(fresh, partsOf(fresh).token, more, standing)
}

function partsOf({ permissions }: Identity): Pick<MorePermissions, 'token' | 'more' | 'standing'> {
  if (permissions instanceof MorePermissions) return permissions
  return { token: permissions, more: undefined, standing: NOTHING }
}

/** Most clients have nothing more, and share what is of their token with others. */
function made(
  identity: Identity,
  token: Permissions,
  more: Permissions | undefined,
  standing: ReadonlySet<string>,
): Identity {
  if (more === undefined && standing.size === 0)
    return identity.permissions === token ? identity : withPermissions(identity, token)
  return withPermissions(identity, new MorePermissions(token, more, standing))
}
