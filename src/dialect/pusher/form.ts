/**
 * What goes to many clients of Pusher: made once for each message of the node, for all apps. Those with our add-on get the same in
 * another frame, which says where the message stands.
 */
import { kindOf, publicNameOf } from './channel.ts'
import { CLIENT_EVENT, channelEvent, gapFrame, placedEvent } from './frames.ts'
import { namespaceOf } from '../../protocol/channel.ts'
import { Written, type Form } from '../../protocol/form.ts'
import { asBuffer, jsonOf } from '../../protocol/json-data.ts'
import type { Message } from '../../protocol/message.ts'

/** Of a message without one: whoever published it knows nothing of Pusher. */
const EVENT_DEFAULT = 'message'

export const PUSHER_FORM: Form<Buffer> = {
  // No channel's name has it.
  topicPrefix: '\u0001pusher\u0001',
  message: (message) => new Written(Buffer.from(frameOf(message))),
  // A client cannot be told that it has lost something.
  reset: () => undefined,
  // Who is in a presence channel each client is told by itself: nobody hears of himself, or twice of anybody.
  event: () => undefined,
}

/** For clients that keep their places. */
export const PLACED_FORM: Form<Buffer> = {
  topicPrefix: '\u0001pusher-placed\u0001',
  message: (message) => new Written(Buffer.from(placedFrameOf(message))),
  reset: ({ channel, position }) => new Written(Buffer.from(gapFrame(nameOf(channel), position))),
  event: () => undefined,
}

export function nameOf(internal: string): string {
  return publicNameOf(internal, `${namespaceOf(internal)}:`) ?? internal
}

function frameOf(message: Message): string {
  return channelEvent(...eventOf(message))
}

/** What is on no log has no place, and goes as to everybody. */
function placedFrameOf(message: Message): string {
  if (message.kind !== 'logged') return frameOf(message)
  const [event, name, data, userId] = eventOf(message)
  return placedEvent({ event, name, data, userId }, message)
}

function eventOf(message: Message): [event: string, name: string, data: string, userId: string | undefined] {
  const { channel, meta, from } = message
  const name = nameOf(channel)
  const event = meta?.event ?? EVENT_DEFAULT
  const isOfMember = event.startsWith(CLIENT_EVENT) && kindOf(name).access === 'presence'
  return [event, name, dataOf(message), isOfMember ? from : undefined]
}

/** JSON text. Bytes have no form in it: they are a text in base64. */
function dataOf(message: Message): string {
  const { data, binary } = message
  return binary ? `"${asBuffer(data).toString('base64')}"` : jsonOf(message).toString('utf8')
}
