/**
 * What goes to many of Centrifuge's clients, in one of their encodings: made once for each message of the node.
 */
import type { Encoding, Pushed } from './encoding.ts'
import { memberOf } from './member.ts'
import { centrifugeNameOf } from './names.ts'
import { publicationOf } from './publication.ts'
import { Written, type ChannelEvent, type Form } from '../../protocol/form.ts'
import type { Message } from '../../protocol/message.ts'

/** A push, and where in it its publication stands, which stands in results as well. */
export class WrittenPush extends Written<Buffer> {
  readonly #at: number
  readonly #bytes: number

  constructor({ frame, written, dataAt }: Pushed, binary: boolean, asItCame: boolean) {
    super(frame, binary, dataAt !== undefined && asItCame ? dataAt : -1)
    this.#at = written.byteOffset - frame.byteOffset
    this.#bytes = written.length
  }

  get publication(): Uint8Array {
    return this.data.subarray(this.#at, this.#at + this.#bytes)
  }
}

/** No channel's name has it, so no topic of these has the name of one of the others. */
const PREFIX = '\u0001'

/** Of what this form has made. */
export function publicationIn(written: Written): Uint8Array {
  if (written instanceof WrittenPush) return written.publication
  throw new TypeError('a message was written in another form')
}

export class CentrifugeForm implements Form<Buffer> {
  readonly topicPrefix: string
  readonly #encoding: Encoding

  constructor(encoding: Encoding) {
    this.#encoding = encoding
    this.topicPrefix = `${PREFIX}centrifuge-${encoding.name}${PREFIX}`
  }

  message(message: Message): WrittenPush {
    const publication = publicationOf(this.#encoding, message)
    const pushed = this.#encoding.publish(centrifugeNameOf(message.channel), publication)
    return new WrittenPush(pushed, this.#encoding.binary, publication.data.length === message.data.length)
  }

  /** A client that has lost something subscribes anew: its conversation says so, to it alone. */
  reset(): undefined {}

  event({ type, channel, user, json }: ChannelEvent): Written<Buffer> | undefined {
    if (type === 'update') return undefined
    const member = { info: memberOf(user, json) }
    const push = {
      channel: centrifugeNameOf(channel),
      ...(type === 'join' ? { join: member } : { leave: member }),
    }
    return new Written(Buffer.from(this.#encoding.reply({ push })), this.#encoding.binary)
  }
}
