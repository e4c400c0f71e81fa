/**
 * A member of a channel in Centrifuge's words. The gateway knows users, not their connections, and what each says of himself there. Pure.
 */
import type { ClientInfo } from './messages.ts'

export function memberOf(user: string, said: string | undefined): ClientInfo {
  return { user, client: user, ...(said === undefined ? {} : { chan_info: Buffer.from(said) }) }
}
