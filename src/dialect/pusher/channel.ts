/**
 * Channels as Pusher's clients name them: which kind a name is of, and its name inside the gateway. Pure.
 *
 * Inside, a channel of an app has the app's prefix before it. A name that the gateway takes stays as it is behind that; in any other, the
 * characters that it does not take are written `=HH` (`dialect/escape.ts`). Nobody outside is shown such a name.
 */
import { escaped, unescaped } from '../escape.ts'
import { isChannel } from '../../protocol/channel.ts'

/** What Pusher allows; its libraries let 200 through. */
const NAME = /^[A-Za-z0-9_\-=@,.;]{1,200}$/
/** The channel of a user who has signed in. */
const USER_PREFIX = '#server-to-user-'

/** The longest first: one is the beginning of another. */
const KINDS = [
  ['private-encrypted-cache-', { access: 'private', encrypted: true, cache: true }],
  ['private-encrypted-', { access: 'private', encrypted: true, cache: false }],
  ['private-cache-', { access: 'private', encrypted: false, cache: true }],
  ['private-', { access: 'private', encrypted: false, cache: false }],
  ['presence-cache-', { access: 'presence', encrypted: false, cache: true }],
  ['presence-', { access: 'presence', encrypted: false, cache: false }],
  ['cache-', { access: 'public', encrypted: false, cache: true }],
] as const satisfies readonly (readonly [string, ChannelKind])[]

export interface ChannelKind {
  /** `user`: of one user who has signed in. */
  readonly access: 'public' | 'private' | 'presence' | 'user'
  /** The payload is the clients' secret: it goes through as it is. */
  readonly encrypted: boolean
  /** The last event is kept for who comes later. */
  readonly cache: boolean
}

const PUBLIC: ChannelKind = { access: 'public', encrypted: false, cache: false }
const OF_USER: ChannelKind = { access: 'user', encrypted: false, cache: false }

export function kindOf(name: string): ChannelKind {
  if (name.startsWith(USER_PREFIX)) return OF_USER
  return KINDS.find(([prefix]) => name.startsWith(prefix))?.[1] ?? PUBLIC
}

/** The user whose channel it is; `undefined`: it is nobody's. */
export function userOf(name: string): string | undefined {
  const user = name.startsWith(USER_PREFIX) ? name.slice(USER_PREFIX.length) : ''
  return user === '' ? undefined : user
}

/** `prefix`: the app's. `undefined`: it is no channel of Pusher's, or too long for the gateway. */
export function internalNameOf(name: string, prefix: string): string | undefined {
  if (!NAME.test(name)) return undefined
  const internal = `${prefix}${escaped(name)}`
  return isChannel(internal) ? internal : undefined
}

/** As clients know it. `undefined`: it is not of the app. */
export function publicNameOf(internal: string, prefix: string): string | undefined {
  return internal.startsWith(prefix) ? unescaped(internal.slice(prefix.length)) : undefined
}
