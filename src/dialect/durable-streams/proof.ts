/**
 * That a reader may read, for as long as it does: a revoked token ends what waits.
 */
import { SluiceError } from '../../errors.ts'

interface Revocable {
  revoked(): void
}

export class Proof {
  #revoked = false
  #read: Revocable | undefined
  #letGo: (() => void) | undefined

  get revoked(): boolean {
    return this.#revoked
  }

  revoke(): void {
    this.#revoked = true
    this.#read?.revoked()
  }

  /** From here on somebody waits. */
  reads(read: Revocable): void {
    this.#read = read
  }

  /** Nobody waits any more. */
  over(): void {
    this.#read = undefined
    this.#letGo?.()
  }

  /** Called when nobody waits any more; at once where nobody does. */
  whenOver(letGo: () => void): void {
    this.#letGo = letGo
    if (this.#read === undefined) letGo()
  }
}

export function revokedMeanwhile(): SluiceError {
  return new SluiceError('unauthorized', 'the token has been revoked')
}
