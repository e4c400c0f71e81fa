/**
 * The channels for which a client has brought tokens of their own, beside what every client may. Pure.
 */
import { internalNameOf } from './names.ts'
import { expiringAt, TOKEN_CHANNELS_MAX, TOKEN_INFO_MAX, type TokenSub } from '../../auth/identity.ts'
import { SluiceError } from '../../errors.ts'
import { isInbox } from '../../protocol/channel.ts'
import type { Identity, Permissions } from '../../session/ports.ts'

export class Grants implements Permissions {
  readonly #everybody: Permissions | undefined
  /** By the name in the gateway; when each ends, in milliseconds since 1970. */
  readonly #channels = new Map<string, number | undefined>()
  /** What is said of the user there, as JSON. */
  #infos: Map<string, string> | undefined

  constructor(everybody: Permissions | undefined) {
    this.#everybody = everybody
  }

  add(channel: string, expiresAtMs: number | undefined, info?: string): void {
    this.#channels.set(channel, expiresAtMs)
    if (info !== undefined) (this.#infos ??= new Map()).set(channel, info)
    else this.#infos?.delete(channel)
  }

  infoOf(channel: string): string | undefined {
    return this.#infos?.get(channel)
  }

  /** Those that have ended before this moment are grants no more. */
  expired(atMs: number): string[] {
    const gone = [...this.#channels].filter(([, endsMs]) => endsMs !== undefined && endsMs <= atMs)
    for (const [channel] of gone) {
      this.#channels.delete(channel)
      this.#infos?.delete(channel)
    }
    return gone.map(([channel]) => channel)
  }

  maySubscribe(channel: string): boolean {
    return this.#channels.has(channel) || this.#everybody?.maySubscribe(channel) === true
  }

  /** To publish and to read back takes the token of the connection. */
  mayPublish(channel: string): boolean {
    return this.#everybody?.mayPublish(channel) === true
  }

  mayReadHistory(channel: string): boolean {
    return this.#everybody?.mayReadHistory(channel) === true
  }
}

/** As a client of Centrifuge goes by it: for as long as `expire_at` says, where it says so. Fails with `unauthorized`. */
export function asClaimed(identity: Identity): Identity {
  const { connectionEndsMs, info, subs } = identity
  for (const said of [info, ...[...(subs?.values() ?? [])].map((sub) => sub.info)]) {
    if (said === undefined || said.length <= TOKEN_INFO_MAX) continue
    throw new SluiceError('unauthorized', `the claim info has more than ${TOKEN_INFO_MAX} characters`)
  }
  if (connectionEndsMs === undefined) return identity
  return expiringAt(identity, connectionEndsMs === 0 ? undefined : connectionEndsMs)
}

/** The channels that a token puts its user on; those that are none of the gateway's are passed over. Fails with `unauthorized`. */
export function namedIn({ channels = [], subs }: Identity): ReadonlyMap<string, TokenSub> {
  if (channels.length > TOKEN_CHANNELS_MAX) {
    const why = `the claims channels and subs name at most ${TOKEN_CHANNELS_MAX} channels together`
    throw new SluiceError('unauthorized', why)
  }
  const named = new Map<string, TokenSub>()
  for (const channel of channels) {
    const name = internalNameOf(channel)
    if (name !== undefined && !isInbox(name)) named.set(name, subs?.get(channel) ?? {})
  }
  return named
}
