/**
 * Who has come to a channel, has left it or says something else of himself, with its texts: everybody on the channel shares them.
 */
import { inForm, type ChannelEvent, type Data, type Form, type Written } from './form.ts'

export class EncodedEvent {
  readonly event: ChannelEvent
  #written: Written | undefined

  constructor(event: ChannelEvent) {
    this.event = event
  }

  /** `undefined`: the form has no word for it. */
  as<D extends Data>(form: Form<D>): Written<D> | undefined {
    const known = inForm(this.#written, form)
    if (known !== undefined) return known
    const written = form.event(this.event)
    if (written === undefined) return undefined
    written.form = form
    written.next = this.#written
    this.#written = written
    return written
  }
}
