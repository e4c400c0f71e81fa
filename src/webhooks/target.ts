/**
 * A backend that is told: what it wants to hear, in which words, and how it is reached.
 */
import type { Happening, Kind } from './happening.ts'
import { matches } from '../protocol/channel.ts'

/** How a request has gone. `why` is for the operators' eyes: no secret, nothing of the answer's body. */
export type Sent =
  { readonly taken: true } | { readonly taken: false; readonly why: string; readonly restMs?: number }

export interface Target {
  /** As the configuration calls it: its place in the journal is kept by this name. */
  readonly name: string
  wants(happening: Happening): boolean
  /** Never fails. */
  send(happenings: readonly Happening[]): Promise<Sent>
}

export interface Wanted {
  readonly kinds: ReadonlySet<Kind>
  /** Channels, or their beginnings followed by `*`. */
  readonly channels: readonly string[]
}

/** What is about no channel is wanted by whoever wants its kind. */
export function isWanted(
  { kinds, channels }: Wanted,
  { kind, channel }: Pick<Happening, 'kind' | 'channel'>,
): boolean {
  return kinds.has(kind) && (channel === undefined || channels.some((pattern) => matches(pattern, channel)))
}
