/** What clients were shown, beside what was published. Pure. */
import type { Seen } from './members.ts'

export interface Place {
  readonly epoch: string
  readonly offset: number
}

/** Where the log has each number of a channel. */
export type Places = ReadonlyMap<number, Place>

export interface Tally {
  expected: number
  shown: number
  lost: number
  twice: number
  outOfOrder: number
  resets: number
}

export function emptyTally(): Tally {
  return { expected: 0, shown: 0, lost: 0, twice: 0, outOfOrder: 0, resets: 0 }
}

/** Adds what one client was shown of one channel. */
export function count(seen: Seen, places: Places, tally: Tally): void {
  const shown = new Set<number>()
  let last: Place | undefined
  let resets = 0
  for (const one of seen) {
    if (one === 'reset') {
      resets++
      last = undefined
      continue
    }
    tally.shown++
    // After a reset the log may be another one, which knows nothing of what was repeated.
    if (shown.has(one) && resets === 0) tally.twice++
    shown.add(one)
    const place = places.get(one)
    if (place !== undefined && last?.epoch === place.epoch && place.offset < last.offset) tally.outOfOrder++
    last = place ?? last
  }
  tally.resets += resets
  tally.expected += places.size
  if (resets > 0) return
  for (const number of places.keys()) if (!shown.has(number)) tally.lost++
}
