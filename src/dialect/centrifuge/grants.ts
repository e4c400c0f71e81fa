/**
 * The channels for which a client has brought tokens of their own, beside what every client may. Pure.
 */
import { internalNameOf } from './names.ts'
import { TOKEN_CHANNELS_MAX } from '../../auth/identity.ts'
import { SluiceError } from '../../errors.ts'
import { isInbox } from '../../protocol/channel.ts'
import type { Identity, Permissions } from '../../session/ports.ts'

export class Grants implements Permissions {
  readonly #everybody: Permissions | undefined
  /** By the name in the gateway; when each ends, in milliseconds since 1970. */
  readonly #channels = new Map<string, number | undefined>()

  constructor(everybody: Permissions | undefined) {
    this.#everybody = everybody
  }

  add(channel: string, expiresAtMs: number | undefined): void {
    this.#channels.set(channel, expiresAtMs)
  }

  /** Those that have ended before this moment are grants no more. */
  expired(atMs: number): string[] {
    const gone = [...this.#channels].filter(([, endsMs]) => endsMs !== undefined && endsMs <= atMs)
    for (const [channel] of gone) this.#channels.delete(channel)
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

/** The channels that a token puts its user on; those that are none of the gateway's are passed over. Fails with `unauthorized`. */
export function namedIn({ channels = [] }: Identity): readonly string[] {
  if (channels.length > TOKEN_CHANNELS_MAX) {
    const why = `the claims channels and subs name at most ${TOKEN_CHANNELS_MAX} channels together`
    throw new SluiceError('unauthorized', why)
  }
  return channels.flatMap((channel) => {
    const name = internalNameOf(channel)
    return name === undefined || isInbox(name) ? [] : [name]
  })
}
