/**
 * A message together with its bytes in each form that was asked for, each made at most once per node however many subscribers
 * there are.
 */
import { inForm, type Data, type Form, type Written } from './form.ts'
import type { Message } from './message.ts'
import { metadataBytes } from './metadata.ts'
import { isPinning } from './pinned.ts'

/** Who keeps a message for a while, and counts what it holds. */
export interface Keeper {
  /** By so many bytes; fewer than none where it has shrunk. */
  grew(bytes: number): void
}

/** The objects around a payload that is kept: measured by test/unit/protocol/kept.test.ts. */
const OBJECTS_BYTES = 560

export class Encoded {
  readonly message: Message
  /** Whoever counts this message among what it holds. */
  keeper: Keeper | undefined
  #written: Written | undefined
  #writtenBytes = 0
  /** Whether the payload is a part of something written, and not kept beside it. */
  #inside = false

  constructor(message: Message) {
    this.message = message
  }

  as<D extends Data>(form: Form<D>): Written<D> {
    return inForm(this.#written, form) ?? this.#write(form)
  }

  /** What it costs to keep it, as it is now: the payload, and each form (with the payload in it, or beside). */
  get bytes(): number {
    // By what was done here: others may have the same message, and their own bytes of it.
    const { data, meta } = this.message
    const objects = meta === undefined ? OBJECTS_BYTES : OBJECTS_BYTES + metadataBytes(meta)
    return objects + (this.#inside ? 0 : data.length) + this.#writtenBytes
  }

  /** Lets go of the piece in which the payload came. */
  unpin(): void {
    const { data } = this.message
    if (!this.#inside && isPinning(data)) setData(this.message, new Uint8Array(data))
  }

  /** For whoever keeps it for long: what can be made again goes. */
  settle(): void {
    const before = this.bytes
    this.#written = undefined
    this.#writtenBytes = 0
    this.#inside = false
    this.unpin()
    this.keeper?.grew(this.bytes - before)
  }

  #write<D extends Data>(form: Form<D>): Written<D> {
    const { message } = this
    const before = this.bytes
    const written = form.message(message)
    written.form = form
    written.next = this.#written
    this.#written = written
    this.#writtenBytes += heldBytes(written.data)
    const { data, payloadAt } = written
    // It has the payload in it: what that came in, and all that came with it, need not be kept as well.
    if (payloadAt >= 0 && typeof data !== 'string' && !this.#inside && isPinning(message.data)) {
      setData(message, data.subarray(payloadAt, payloadAt + message.data.length))
      this.#inside = true
    }
    this.keeper?.grew(this.bytes - before)
    return written
  }
}

/** The same bytes in another place: nobody can tell, so nobody minds that it is done to a message. */
function setData(message: Message, data: Uint8Array): void {
  ;(message as { data: Uint8Array }).data = data
}

/** Of a text one byte for each character, or two where one of them is beyond Latin-1. */
function heldBytes(data: Data): number {
  if (typeof data !== 'string') return data.length
  return Buffer.byteLength(data) === data.length ? data.length : data.length * 2
}
