/**
 * Channel names of Centrifuge inside the gateway, and back. Pure.
 *
 * A name that the gateway takes stays as it is. In any other, the characters that it does not take are written `=HH`, with the two
 * hexadecimal digits of their code; so that nothing becomes ambiguous, an equals sign with two such digits behind it is
 * written that way as well. `#<user>` is the inbox of a user.
 */
import { CHANNEL_LENGTH_MAX, inboxOf, isChannel, isInbox } from '../../protocol/channel.ts'

export const CHANNEL_RULE_OF_CENTRIFUGE = `a channel is 1 to ${CHANNEL_LENGTH_MAX} printable ASCII characters, of which those that are none of A-Z a-z 0-9 _ - : . @ / = + $ count three times`

const PRINTABLE = /^[\x21-\x7e]+$/
/** What is no channel name as it stands: an alien character, or a dot or an `@` at a place where it may not be. */
const ALIEN = /[^\w\-:.@/=+$]|^[@.]|\.$|\.(?=\.)|=(?=[\dA-F]{2})/g
const ESCAPED = /=([\dA-F]{2})/g

/** The personal channel of a user begins with it, and names no second user. */
const PERSONAL = '#'

/** `undefined`: it is no name of a channel. */
export function internalNameOf(channel: string): string | undefined {
  if (channel.startsWith(PERSONAL) && channel.length > 1 && !channel.includes(',')) {
    return inboxOf(channel.slice(PERSONAL.length))
  }
  // Not even looked at where it is far too long.
  if (channel.length > CHANNEL_LENGTH_MAX || !PRINTABLE.test(channel)) return undefined
  const name = channel.replaceAll(ALIEN, hex)
  return isChannel(name) ? name : undefined
}

/** As a client of Centrifuge knows it. */
export function centrifugeNameOf(name: string): string {
  if (isInbox(name)) return `${PERSONAL}${name.slice(1)}`
  return name.includes('=') ? name.replaceAll(ESCAPED, (_, digits: string) => charOf(digits)) : name
}

function hex(char: string): string {
  return `=${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}

function charOf(digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 16))
}
