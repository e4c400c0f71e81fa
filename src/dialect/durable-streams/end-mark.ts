/**
 * The end of a stream: a message that says by its headers that none follows. Pure.
 */
import type { Message } from '../../protocol/message.ts'

export const END_HEADER = 'stream-closed'

export function isEnd({ meta }: Message): boolean {
  return meta?.headers?.[END_HEADER] === 'true'
}

/** A mark that says nothing else brings nothing to the readers: its payload is `null`. */
export function isBare(message: Message): boolean {
  return isEnd(message) && Buffer.from(message.data).toString() === 'null'
}
