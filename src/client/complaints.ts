/**
 * What the application is told that went wrong. Nobody is left without a word, and nobody gets the same one twice.
 */
import { withoutQuery } from './address.ts'
import type { ClientError } from './errors.ts'

export class Complaints {
  readonly #address: string
  readonly #emit: (error: ClientError) => boolean
  /** Several may wait for the same thing that failed. */
  #told: ClientError | undefined
  readonly #warned = new Set<string>()

  /** `emit` answers whether anybody listens. */
  constructor(url: string, emit: (error: ClientError) => boolean) {
    this.#address = withoutQuery(url)
    this.#emit = emit
  }

  failed(error: ClientError): void {
    if (error === this.#told) return
    this.#told = error
    if (!this.#emit(error)) console.error(error)
  }

  /** The client is not connected, and why: once on the console until it is, for each reason. */
  refused(error: ClientError, final: boolean): void {
    if (error === this.#told) return
    this.#told = error
    const { message } = error
    if (!this.#warned.has(message)) {
      const next = final ? 'it does not try again' : 'it goes on trying'
      const address = message.includes(this.#address) ? '' : ` (${this.#address})`
      console.warn(`sluice: not connected, and ${next}${address}: ${message}`)
    }
    this.#warned.add(message)
    this.#emit(error)
  }

  /** It is connected. */
  clear(): void {
    this.#warned.clear()
  }
}
