/**
 * Channel names: the grammar, the namespace, the patterns of a token, and the inbox.
 *
 * A public name is 1 to 128 characters of `A-Z a-z 0-9 _ - : . @ / = + $`, does not start with `@`, and has no dot
 * at either end nor two together (each name is also a NATS subject, where a dot separates tokens).
 * Inside the gateway a user's inbox is the channel `@<user>`; its owner sees it as `@inbox`.
 */

export const CHANNEL_LENGTH_MAX = 128

/** How the owner of an inbox names it on the wire. */
export const INBOX = '@inbox'

const CHANNEL = /^(?!@)[\w\-:@/=+$]+(?:\.[\w\-:@/=+$]+)*$/

/** What a refused name is told; one sentence, so that every door says the same. */
export const CHANNEL_RULE =
  'a channel is 1 to 128 of A-Z a-z 0-9 _ - : . @ / = + $, without @ first, a dot first or last, or two dots together'

export function isChannel(name: unknown): name is string {
  return typeof name === 'string' && name.length <= CHANNEL_LENGTH_MAX && CHANNEL.test(name)
}

/** Inside of the gateway: dialects that have longer names of their own, or write characters as several, need the room. */
export const INTERNAL_LENGTH_MAX = 255

export function isInternalChannel(name: string): boolean {
  return name.length <= INTERNAL_LENGTH_MAX && CHANNEL.test(name)
}

/** The part before the first `:`; the whole name where there is none; `@` for an inbox. */
export function namespaceOf(channel: string): string {
  if (channel.startsWith('@')) return '@'
  const colon = channel.indexOf(':')
  return colon === -1 ? channel : channel.slice(0, colon)
}

/** The internal name of a user's inbox. */
export function inboxOf(user: string): string {
  return `@${user}`
}

export function isInbox(channel: string): boolean {
  return channel.startsWith('@')
}

/** The name under which a subscriber sees a channel. */
export function publicName(channel: string): string {
  return isInbox(channel) ? INBOX : channel
}

/** A pattern is a channel name, or the beginning of one followed by `*`; `*` alone matches every channel. */
export function isPattern(pattern: unknown): pattern is string {
  if (typeof pattern !== 'string') return false
  if (!pattern.endsWith('*')) return isChannel(pattern)
  const prefix = pattern.slice(0, -1)
  // A letter stands for the rest of the name: `news.` is a fine beginning although no channel ends with a dot.
  return prefix === '' || isChannel(`${prefix}x`)
}

export function matches(pattern: string, channel: string): boolean {
  return pattern.endsWith('*') ? channel.startsWith(pattern.slice(0, -1)) : pattern === channel
}
