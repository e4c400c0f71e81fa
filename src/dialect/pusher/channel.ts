/**
 * Channels as Pusher's clients name them: which kind a name is of, and its name inside the gateway. Pure.
 *
 * Inside, a channel of an app has the app's prefix before it. A name that the gateway takes stays as it is behind that; in any other, the
 * characters that it does not take are written `=HH` (`dialect/escape.ts`). Nobody outside is shown such a name.
 */
import { escaped, unescaped } from '../escape.ts'
import { INTERNAL_LENGTH_MAX, isInternalChannel } from '../../protocol/channel.ts'

/** What Pusher allows; its libraries let 200 through. */
const NAME = /^[A-Za-z0-9_\-=@,.;]{1,200}$/
/** What a refused name is told. */
export const CHANNEL_RULE_OF_PUSHER = `a channel is 1 to 200 of A-Z a-z 0-9 _ - = @ , . ; and, with the namespace of its app, at most ${INTERNAL_LENGTH_MAX} characters, of which , and ; count three times`
/** The channel of a user who has signed in. */
const USER_PREFIX = '#server-to-user-'

/** Has no form in UTF-8. */
const LONE_SURROGATE = /\p{Cs}/u

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

const CACHE = /^[^:]+:(?:private-encrypted-|private-|presence-)?cache-/

/** By its internal name, whatever the app. */
export function isCacheChannel(internal: string): boolean {
  return CACHE.test(internal)
}

/** The user whose channel it is; `undefined`: it is nobody's. */
export function userOf(name: string): string | undefined {
  const user = name.startsWith(USER_PREFIX) ? name.slice(USER_PREFIX.length) : ''
  return user === '' ? undefined : user
}

export function channelOfUser(user: string): string {
  return `${USER_PREFIX}${user}`
}

/** `prefix`: the app's. `undefined`: it is no channel of Pusher's, or too long for the gateway. */
export function internalNameOf(name: string, prefix: string): string | undefined {
  const plain = plainOf(name)
  if (plain === undefined) return undefined
  const internal = `${prefix}${escaped(plain)}`
  return isInternalChannel(internal) ? internal : undefined
}

/** As clients know it. `undefined`: it is not of the app. */
export function publicNameOf(internal: string, prefix: string): string | undefined {
  if (!internal.startsWith(prefix)) return undefined
  const plain = unescaped(internal.slice(prefix.length))
  const user = userOf(plain)
  return user === undefined ? plain : channelOfUser(decodeURIComponent(user))
}

/** In printable ASCII. An app may name its users as it likes, its channels not. */
function plainOf(name: string): string | undefined {
  const user = userOf(name)
  if (user === undefined) return NAME.test(name) ? name : undefined
  return LONE_SURROGATE.test(user) ? undefined : channelOfUser(encodeURIComponent(user))
}
