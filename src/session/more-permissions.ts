/**
 * What a client may do beside what is in its token, because its protocol has shown so: it outlasts each fresh token. Pure.
 */
import type { Identity, Permissions } from './ports.ts'

class MorePermissions implements Permissions {
  readonly token: Permissions
  readonly more: Permissions

  constructor(token: Permissions, more: Permissions) {
    this.token = token
    this.more = more
  }

  maySubscribe(channel: string): boolean {
    return this.token.maySubscribe(channel) || this.more.maySubscribe(channel)
  }

  mayPublish(channel: string): boolean {
    return this.token.mayPublish(channel) || this.more.mayPublish(channel)
  }

  mayReadHistory(channel: string): boolean {
    return this.token.mayReadHistory(channel) || this.more.mayReadHistory(channel)
  }
}

/** In place of what was allowed more until now. */
export function withMore(identity: Identity, more: Permissions): Identity {
  const { permissions } = identity
  const token = permissions instanceof MorePermissions ? permissions.token : permissions
  return { ...identity, permissions: new MorePermissions(token, more) }
}

/** The fresh identity, with what was allowed beside the token of the one before. */
export function carriedOver({ permissions }: Identity, fresh: Identity): Identity {
  return permissions instanceof MorePermissions ? withMore(fresh, permissions.more) : fresh
}
