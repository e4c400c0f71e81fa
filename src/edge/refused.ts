/**
 * A conversation with a client that was not let in, and whose dialect wants that to be told by a close.
 */
import type { Conversation, Link } from '../dialect/dialect.ts'
import type { Closing } from '../errors.ts'
import type { Form } from '../protocol/form.ts'

export class Refused implements Conversation<Buffer> {
  readonly #closing: Closing

  constructor(closing: Closing) {
    this.#closing = closing
  }

  get form(): Form<Buffer> {
    throw new Error('nothing is delivered to a client that was not let in')
  }

  opened(link: Link): void {
    link.introduced()
    link.end(this.#closing)
  }

  received(): void {}
  joined(): this {
    return this
  }
  subscribed(): void {}
  unsubscribed(): void {}
  reauth(): void {}
  reset(): void {}
  gone(): void {}
  move(): 'leaves' {
    return 'leaves'
  }
}
