/**
 * What the application is told that went wrong. Nobody is left without a word, and nobody gets the same one twice.
 */
import { withoutQuery } from './address.ts'
import type { ClientError } from './errors.ts'

export interface Complaints {
  complain(this: void, error: ClientError): void
  /** The client is not connected, and why: once on the console until it is, for each reason. */
  refused(error: ClientError, final: boolean): void
  /** It is connected. */
  clear(): void
}

/** `emit` answers whether anybody listens. */
export function complaintsOf(url: string, emit: (error: ClientError) => boolean): Complaints {
  const gateway = withoutQuery(url)
  const warned = new Set<string>()
  let told: ClientError | undefined
  /** Several may wait for the same thing that failed. */
  const tell = (error: ClientError, say: (isHeard: boolean) => void): void => {
    if (error === told) return
    told = error
    say(emit(error))
  }
  return {
    complain: (error) => tell(error, (isHeard) => isHeard || console.error(error)),
    refused: (error, final) =>
      tell(error, () => {
        const { message } = error
        if (!warned.has(message)) {
          const next = final ? 'it does not try again' : 'it goes on trying'
          const address = message.includes(gateway) ? '' : ` (${gateway})`
          console.warn(`sluice: not connected, and ${next}${address}: ${message}`)
        }
        warned.add(message)
      }),
    clear: () => warned.clear(),
  }
}
