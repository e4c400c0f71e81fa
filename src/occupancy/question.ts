/**
 * What nodes ask one another about which channels have subscribers, and what they answer. Pure.
 *
 *  O1 pages in the order of the names, one after the other, have every channel that is occupied all the while, once
 *  O2 a channel is counted with the connections of every node that has answered
 */
import { textsIn } from '../protocol/json.ts'

export type Question =
  /** These channels. */
  | { readonly of: readonly string[] }
  /** Those that begin with something, in the order of their names, after one of them. */
  | { readonly prefix: string; readonly after: string; readonly limit: number }

export type ChannelCount = readonly [channel: string, connections: number]

export interface Part {
  /** Channels with at least one connection, in the order of their names. */
  readonly counts: readonly ChannelCount[]
  /** There are others behind the last. */
  readonly more: boolean
}

export interface Page {
  readonly counts: ReadonlyMap<string, number>
  /** Where the next one begins: `after` of its question. `undefined`: this is the last one. */
  readonly next: string | undefined
}

/** What one node has. */
export function partOf(
  question: Question,
  local: Iterable<readonly [channel: string, connections: number]>,
): Part {
  const found: (readonly [string, number])[] = []
  if ('of' in question) {
    const wanted = new Set(question.of)
    for (const one of local) if (wanted.has(one[0])) found.push(one)
    return { counts: found.toSorted(byName), more: false }
  }
  const { prefix, after, limit } = question
  for (const one of local) if (one[0] > after && one[0].startsWith(prefix)) found.push(one)
  const counts = found.toSorted(byName)
  return { counts: counts.slice(0, limit), more: counts.length > limit }
}

/** Of what all have answered. What is behind the last channel of a node that has more is not known yet. */
export function pageOf(parts: readonly Part[], limit: number): Page {
  const ends = parts.flatMap(({ counts, more }) => (more ? [counts.at(-1)?.[0] ?? ''] : []))
  const end = ends.length === 0 ? undefined : ends.reduce((least, one) => (one < least ? one : least))
  const sums = new Map<string, number>()
  for (const { counts } of parts)
    for (const [channel, connections] of counts)
      if (end === undefined || channel <= end) sums.set(channel, (sums.get(channel) ?? 0) + connections)
  const all = [...sums].toSorted(byName)
  const page = all.slice(0, limit)
  const isLast = end === undefined && page.length === all.length
  return { counts: new Map(page), next: isLast ? undefined : (page.at(-1)?.[0] ?? end) }
}

/** As it comes from another node. `undefined`: it is none. */
export function questionIn({
  of,
  prefix,
  after,
  limit,
}: Readonly<Record<string, unknown>>): Question | undefined {
  if (Array.isArray(of)) return { of: textsIn(of) }
  if (typeof prefix !== 'string' || typeof after !== 'string' || typeof limit !== 'number') return undefined
  return { prefix, after, limit }
}

export function partIn(fields: Readonly<Record<string, unknown>>): Part | undefined {
  if (!Array.isArray(fields['counts'])) return undefined
  return { counts: countsIn(fields), more: fields['more'] === true }
}

/** What is none is left out. */
export function countsIn({ counts }: Readonly<Record<string, unknown>>): ChannelCount[] {
  return (Array.isArray(counts) ? (counts as unknown[]) : []).flatMap((one) => {
    const [channel, connections] = Array.isArray(one) ? (one as unknown[]) : []
    return typeof channel === 'string' && typeof connections === 'number'
      ? [[channel, connections] as const]
      : []
  })
}

function byName([one]: readonly [string, number], [other]: readonly [string, number]): number {
  return one < other ? -1 : 1
}
