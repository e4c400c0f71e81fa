/**
 * What a session is on beside its inbox, by channel. One channel needs no table, and most sessions have no more: a table is some 200
 * bytes.
 */
import type { Subscription } from '../hub/subscription.ts'

export type Held = Subscription | Map<string, Subscription> | undefined

export function countOf(held: Held): number {
  if (held === undefined) return 0
  return held instanceof Map ? held.size : 1
}

export function findIn(held: Held, channel: string): Subscription | undefined {
  if (held instanceof Map) return held.get(channel)
  return held?.source.name === channel ? held : undefined
}

/** In the place of another one on the same channel. */
export function withOne(held: Held, subscription: Subscription): Held {
  const { name } = subscription.source
  if (held === undefined || (!(held instanceof Map) && held.source.name === name)) return subscription
  return (held instanceof Map ? held : new Map([[held.source.name, held]])).set(name, subscription)
}

export function withoutOne(held: Held, channel: string): Held {
  if (!(held instanceof Map)) return held?.source.name === channel ? undefined : held
  held.delete(channel)
  return held.size > 0 ? held : undefined
}

/** One of them may leave meanwhile. */
export function* eachOf(held: Held): Iterable<Subscription> {
  if (held instanceof Map) yield* held.values()
  else if (held !== undefined) yield held
}
