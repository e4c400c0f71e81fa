/**
 * What a replica shows, told by the leader. A reader may sit at any replica, which may lag, or lack something: so what it
 * shows is taken only for where entries may be, and each of them is asked for at the leader, all at once. Pure.
 */
import type { StreamEntry } from './jetstream-port.ts'

/** A server's API has a queue of its own, for all clients, and drops all of it when it is full. */
const AT_ONCE = 64

/**
 * What the leader has from `from` on, without a hole, and not beyond `to`: at least one entry where it has any, and no
 * more than as many as `shown` has. `shown` is in order; `next` asks the leader for the first entry from a number on.
 */
export async function asTheLeaderHasIt(
  shown: readonly StreamEntry[],
  from: number,
  to: number,
  next: (sequence: number) => Promise<StreamEntry | undefined>,
): Promise<StreamEntry[]> {
  const starts = [from, ...shown.slice(0, -1).map(({ sequence }) => sequence + 1)].slice(0, shown.length)
  const entries: StreamEntry[] = []
  let expected = from
  for (let at = 0; at < starts.length; at += AT_ONCE) {
    const asked = starts.slice(at, at + AT_ONCE)
    const found = await Promise.all(asked.map(next))
    for (const [i, entry] of found.entries()) {
      // Between the last that is certain and this one the leader has not been asked.
      if (asked[i] !== expected || entry === undefined || entry.sequence > to) return entries
      entries.push(entry)
      expected = entry.sequence + 1
    }
  }
  return entries
}
