/**
 * What goes to many of Centrifuge's clients, in one of their encodings: made once for each message of the node.
 */
import type { Encoding } from './encoding.ts'
import { centrifugeNameOf } from './names.ts'
import { publicationOf } from './publication.ts'
import { Written, type ChannelEvent, type Form } from '../../protocol/form.ts'
import type { Message } from '../../protocol/message.ts'

/** No channel's name has it, so no topic of these has the name of one of the others. */
const PREFIX = '\u0001'

export class CentrifugeForm implements Form<Buffer> {
  readonly topicPrefix: string
  readonly #encoding: Encoding

  constructor(encoding: Encoding) {
    this.#encoding = encoding
    this.topicPrefix = `${PREFIX}centrifuge-${encoding.name}${PREFIX}`
  }

  message(message: Message): Written<Buffer> {
    const publication = publicationOf(this.#encoding, message)
    const { frame, dataAt } = this.#encoding.publish(centrifugeNameOf(message.channel), publication)
    const asItCame = dataAt !== undefined && publication.data.length === message.data.length
    return new Written(frame, this.#encoding.binary, asItCame ? dataAt : -1)
  }

  /** A client that has lost something subscribes anew: its conversation says so, to it alone. */
  reset(): undefined {}

  event({ type, channel, user }: ChannelEvent): Written<Buffer> | undefined {
    if (type === 'update') return undefined
    const member = { info: { user, client: user } }
    const push = {
      channel: centrifugeNameOf(channel),
      ...(type === 'join' ? { join: member } : { leave: member }),
    }
    return new Written(Buffer.from(this.#encoding.reply({ push })), this.#encoding.binary)
  }
}
