/**
 * A `reset` with its texts: all who are told it with the same delay share them.
 */
import { inForm, type Data, type Form, type Reset, type Written } from './form.ts'
import type { Position, ResetReason } from './position.ts'

export class EncodedReset implements Reset {
  readonly channel: string
  readonly position: Position
  readonly reason: ResetReason
  readonly delayMs: number
  #written: Written | undefined

  constructor({ channel, position, reason, delayMs }: Reset) {
    this.channel = channel
    this.position = position
    this.reason = reason
    this.delayMs = delayMs
  }

  /** `undefined`: the form has no word for it. */
  as<D extends Data>(form: Form<D>): Written<D> | undefined {
    return inForm(this.#written, form) ?? this.#write(form)
  }

  #write<D extends Data>(form: Form<D>): Written<D> | undefined {
    const written = form.reset(this)
    if (written === undefined) return undefined
    written.form = form
    written.next = this.#written
    this.#written = written
    return written
  }
}
