import type { ClientError } from '@sluice/client'

/** A component may not show its `error`, and nobody is left without a word. */
export function complain(
  what: string,
  error: ClientError,
  onError: ((error: ClientError) => unknown) | undefined,
): unknown {
  if (onError !== undefined) return onError(error)
  console.error(`sluice: ${what}: ${error.message}`)
  return undefined
}
