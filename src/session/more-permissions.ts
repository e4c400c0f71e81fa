/**
 * What a client may do beside what is in its token: because its protocol has shown so, and because a backend has put it on a channel; and
 * what of its token a backend has left, or widened, as it let it in. All outlast each fresh token. Pure.
 */
import type { Granting, Identity, Permissions } from './ports.ts'
import { withPermissions } from '../auth/identity.ts'

/** `token`: as it says itself. */
interface Parts {
  readonly token: Permissions
  readonly more: Permissions | undefined
  readonly standing: ReadonlySet<string>
  readonly granting: Granting | undefined
}

class MorePermissions implements Permissions {
  readonly token: Permissions
  readonly more: Permissions | undefined
  /** The channels that a backend has put it on. */
  readonly standing: ReadonlySet<string>
  readonly granting: Granting | undefined
  /** What is left of the token. */
  readonly #own: Permissions

  constructor({ token, more, standing, granting }: Parts) {
    this.token = token
    this.more = more
    this.standing = standing
    this.granting = granting
    this.#own = granting?.over(token) ?? token
  }

  maySubscribe(channel: string): boolean {
    return (
      this.#own.maySubscribe(channel) ||
      this.more?.maySubscribe(channel) === true ||
      this.standing.has(channel)
    )
  }

  mayPublish(channel: string): boolean {
    return this.#own.mayPublish(channel) || this.more?.mayPublish(channel) === true
  }

  mayReadHistory(channel: string): boolean {
    return this.#own.mayReadHistory(channel) || this.more?.mayReadHistory(channel) === true
  }
}

const NOTHING: ReadonlySet<string> = new Set()

/** In place of what was allowed more until now. */
export function withMore(identity: Identity, more: Permissions): Identity {
  return made(identity, { ...partsOf(identity), more })
}

/** As a backend has let it in. */
export function withGranting(identity: Identity, granting: Granting | undefined): Identity {
  return granting === undefined ? identity : made(identity, { ...partsOf(identity), granting })
}

/** The same, with one channel more, or less, that a backend has put the client on. */
export function withStanding(identity: Identity, channel: string, on: boolean): Identity {
  const parts = partsOf(identity)
  const { standing } = parts
  if (standing.has(channel) === on) return identity
  const changed = new Set(standing)
  if (on) changed.add(channel)
  else changed.delete(channel)
  return made(identity, { ...parts, standing: changed })
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
  return made(fresh, { ...partsOf(former), token: partsOf(fresh).token })
}

function partsOf({ permissions }: Identity): Parts {
  if (!(permissions instanceof MorePermissions))
    return { token: permissions, more: undefined, standing: NOTHING, granting: undefined }
  const { token, more, standing, granting } = permissions
  return { token, more, standing, granting }
}

/** Most clients have nothing more, and share what is of their token with others. */
function made(identity: Identity, parts: Parts): Identity {
  const { token, more, standing, granting } = parts
  if (more === undefined && granting === undefined && standing.size === 0)
    return identity.permissions === token ? identity : withPermissions(identity, token)
  return withPermissions(identity, new MorePermissions(parts))
}
