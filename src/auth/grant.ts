/**
 * What somebody may do on the second listener. Plain data, so that a node can say it of its caller to another node. Pure.
 */
import { SluiceError } from '../errors.ts'
import { namespaceOf } from '../protocol/channel.ts'

/** `admin` may do everything that the others may. */
export type Scope = 'publish' | 'history' | 'admin'

export const SCOPES = ['publish', 'history', 'admin'] as const satisfies readonly Scope[]

export interface Grant {
  /** Of the API key, for logs. */
  readonly name: string
  readonly scopes: readonly Scope[]
  /** As `namespaceOf` names them. `undefined`: all. */
  readonly namespaces: readonly string[] | undefined
}

/** Fails with `forbidden`. */
export function checkScope({ name, scopes }: Grant, scope: Scope): void {
  if (scopes.includes(scope) || scopes.includes('admin')) return
  throw new SluiceError(
    'forbidden',
    `the API key ${name} has the scope ${scopes.join(', ')}; this needs ${scope}`,
  )
}

/** Whether a channel is one of those that a key is for. */
export function isGranted({ namespaces }: Grant, channel: string): boolean {
  return namespaces === undefined || namespaces.includes(namespaceOf(channel))
}

/** Fails with `forbidden`. `channel`: by its internal name, which is `@<user>` for an inbox. */
export function checkChannel(grant: Grant, channel: string): void {
  if (isGranted(grant, channel)) return
  const { name, namespaces = [] } = grant
  throw new SluiceError(
    'forbidden',
    `the API key ${name} is limited to ${namespaces.map((one) => (one === '@' ? 'inboxes (@)' : one)).join(', ')}`,
  )
}
