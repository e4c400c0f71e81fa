/**
 * How often in a row the gateway has refused an attempt for the same reason. Pure.
 *
 * What is lost on the way (a server that is down, a network that is gone) is no refusal: it passes, however long it takes.
 */
import type { ClientError } from './errors.ts'
import { reconnectAfter } from '../dialect/sluice-v1/codes.ts'

/** So many, and nothing is to be expected of another attempt. */
export const REFUSALS_MAX = 5

export class Refusals {
  #reason = ''
  #count = 0

  /** An attempt has failed. True: it is enough. */
  add({ code, closeCode = 0, message }: ClientError): boolean {
    // The gateway's own word, an answer of HTTP that is final, or that there is no token at all.
    const isRefusal =
      code === 'unauthorized' || isFinalAnswer(closeCode) || reconnectAfter(closeCode) === 'token'
    if (!isRefusal) return false
    this.#count = message === this.#reason ? this.#count + 1 : 1
    this.#reason = message
    return this.#count >= REFUSALS_MAX
  }

  /** One was welcome, or the application begins anew. */
  reset(): void {
    this.#count = 0
  }
}

/** Of HTTP: asked again it would be the same. */
export function isFinalAnswer(status: number): boolean {
  return status >= 400 && status < 429
}
