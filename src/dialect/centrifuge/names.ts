/**
 * Channel names of Centrifuge inside the gateway, and back. Pure.
 *
 * A name that the gateway takes stays as it is; any other is escaped (`dialect/escape.ts`). `#<user>` is the inbox of a user.
 */
import { escaped, unescaped } from '../escape.ts'
import { CHANNEL_LENGTH_MAX, inboxOf, isChannel, isInbox } from '../../protocol/channel.ts'

export const CHANNEL_RULE_OF_CENTRIFUGE = `a channel is 1 to ${CHANNEL_LENGTH_MAX} printable ASCII characters, of which those that are none of A-Z a-z 0-9 _ - : . @ / = + $ count three times`

const PRINTABLE = /^[\x21-\x7e]+$/
/** The personal channel of a user begins with it, and names no second user. */
const PERSONAL = '#'

/** `undefined`: it is no name of a channel. */
export function internalNameOf(channel: string): string | undefined {
  if (channel.startsWith(PERSONAL) && channel.length > 1 && !channel.includes(',')) {
    return inboxOf(channel.slice(PERSONAL.length))
  }
  // Not even looked at where it is far too long.
  if (channel.length > CHANNEL_LENGTH_MAX || !PRINTABLE.test(channel)) return undefined
  const name = escaped(channel)
  return isChannel(name) ? name : undefined
}

/** The beginning of a name, as those that begin so have it inside. */
export function internalPrefixOf(prefix: string): string {
  return escaped(prefix)
}

/** As a client of Centrifuge knows it. */
export function centrifugeNameOf(name: string): string {
  if (isInbox(name)) return `${PERSONAL}${name.slice(1)}`
  return unescaped(name)
}
